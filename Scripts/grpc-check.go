// Drives a server of the tests (Tests/RPCTests/Fixtures.swift) with grpc-go, the transport of
// etcd's own clients: unary calls and streams under load, big messages both ways, keep-alive pings
// with and without calls, deadlines, and calls that are given up. Prints "ok" and how much it did,
// or what failed.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o grpc-check Scripts/grpc-check.go
//	grpc-check 127.0.0.1:2379 3
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Messages are bytes as they are.
type raw struct{}

func (raw) Marshal(message interface{}) ([]byte, error) { return *message.(*[]byte), nil }
func (raw) Unmarshal(data []byte, message interface{}) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

var unary, streamed, deadlines, givenUp int64

func main() {
	seconds, err := strconv.Atoi(os.Args[2])
	check(err, "seconds")
	var connections []*grpc.ClientConn
	for number := 0; number < 3; number++ {
		connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure(),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(16<<20)),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{
				Time: 10 * time.Second, Timeout: 3 * time.Second, PermitWithoutStream: true,
			}))
		check(err, "dial")
		defer connection.Close()
		connections = append(connections, connection)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer stop()
	var all sync.WaitGroup
	run := func(work func(*grpc.ClientConn)) {
		for _, connection := range connections {
			connection := connection
			all.Add(1)
			go func() { defer all.Done(); work(connection) }()
		}
	}
	for worker := 0; worker < 20; worker++ {
		worker := worker
		run(func(connection *grpc.ClientConn) {
			for number := 0; ctx.Err() == nil; number++ {
				echo(connection, worker, number, 100+number%400)
			}
		})
	}
	run(func(connection *grpc.ClientConn) {
		for number := 0; ctx.Err() == nil; number++ {
			echo(connection, 99, number, 1_900_000)
		}
	})
	for worker := 0; worker < 3; worker++ {
		run(func(connection *grpc.ClientConn) { stream(ctx, connection) })
	}
	run(func(connection *grpc.ClientConn) { flood(ctx, connection) })
	run(func(connection *grpc.ClientConn) { fail(ctx, connection) })
	run(func(connection *grpc.ClientConn) { giveUp(ctx, connection) })
	all.Wait()
	fmt.Printf("ok: %d unary calls, %d messages of streams, %d deadlines, %d given up\n",
		unary, streamed, deadlines, givenUp)
}

func pattern(worker, number, size int) []byte {
	return bytes.Repeat([]byte{byte(worker), byte(number)}, size/2)
}

func echo(connection *grpc.ClientConn, worker, number, size int) {
	ctx, cancel := context.Background(), func() {}
	if number%3 == 0 {
		ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
	}
	defer cancel()
	method := "/stub.Calls/Echo"
	if number%2 == 0 {
		method = "/stub.Calls/EchoElsewhere"
	} else {
		ctx = metadata.AppendToOutgoingContext(ctx, "tag", strconv.Itoa(number))
	}
	request, answer := pattern(worker, number, size), []byte(nil)
	var trailer metadata.MD
	check(connection.Invoke(ctx, method, &request, &answer, grpc.Trailer(&trailer)), method)
	if !bytes.Equal(request, answer) {
		end("echo", fmt.Errorf("%d bytes for %d", len(answer), len(request)))
	}
	if number%2 == 1 && (len(trailer["tag"]) != 1 || trailer["tag"][0] != strconv.Itoa(number)) {
		end("trailer", fmt.Errorf("%v of %d", trailer, number))
	}
	atomic.AddInt64(&unary, 1)
}

var both = &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// Messages of all sizes there and back, fifty on their way, then the half-close and the status.
func stream(ctx context.Context, connection *grpc.ClientConn) {
	for round := 0; ctx.Err() == nil; round++ {
		calls, err := connection.NewStream(context.Background(), both, "/stub.Calls/EchoStream")
		check(err, "open")
		tokens := make(chan bool, 50)
		go func() {
			for number := 0; number < 500; number++ {
				tokens <- true
				message := pattern(round, number, 2+number*number%9_000)
				check(calls.SendMsg(&message), "send")
			}
			check(calls.CloseSend(), "half-close")
		}()
		for number := 0; number < 500; number++ {
			var message []byte
			check(calls.RecvMsg(&message), "receive")
			if !bytes.Equal(message, pattern(round, number, 2+number*number%9_000)) {
				end("stream", fmt.Errorf("message %d has %d bytes", number, len(message)))
			}
			<-tokens
			atomic.AddInt64(&streamed, 1)
		}
		var message []byte
		if err := calls.RecvMsg(&message); status.Code(err) != codes.Aborted {
			end("end of a stream", err)
		}
	}
}

// A server that sends without end to a client that reads slowly, and then goes away.
func flood(ctx context.Context, connection *grpc.ClientConn) {
	for ctx.Err() == nil {
		call, cancel := context.WithCancel(context.Background())
		calls, err := connection.NewStream(call, both, "/stub.Calls/Flood")
		check(err, "open")
		empty := []byte{}
		check(calls.SendMsg(&empty), "send")
		for number := 0; number < 300; number++ {
			var message []byte
			check(calls.RecvMsg(&message), "receive")
			if len(message) != 10_000 {
				end("flood", fmt.Errorf("%d bytes", len(message)))
			}
			if number%10 == 0 {
				time.Sleep(time.Millisecond)
			}
			atomic.AddInt64(&streamed, 1)
		}
		cancel()
		for err == nil {
			var message []byte
			err = calls.RecvMsg(&message)
		}
		if err != io.EOF && status.Code(err) != codes.Canceled {
			end("end of a flood", err)
		}
	}
}

func fail(ctx context.Context, connection *grpc.ClientConn) {
	for ctx.Err() == nil {
		request, answer := []byte{1}, []byte(nil)
		var trailer metadata.MD
		err := connection.Invoke(
			context.Background(), "/stub.Calls/Fail", &request, &answer, grpc.Trailer(&trailer))
		if status.Code(err) != codes.Unavailable ||
			status.Convert(err).Message() != "etcdserver: no leader — 100% sure\n" {
			end("failure", err)
		}
		if why := trailer["quorate-why-bin"]; len(why) != 1 || why[0] != "\x00\xff\x07" {
			end("failure's trailer", fmt.Errorf("%q", why))
		}
		err = connection.Invoke(context.Background(), "/stub.Calls/None", &request, &answer)
		if status.Code(err) != codes.Unimplemented {
			end("unknown method", err)
		}
		atomic.AddInt64(&unary, 2)
	}
}

// Calls that nobody answers, ended by their deadline or by us.
func giveUp(ctx context.Context, connection *grpc.ClientConn) {
	for number := 0; ctx.Err() == nil; number++ {
		call, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if number%2 == 0 {
			go func() { time.Sleep(time.Millisecond); cancel() }()
		}
		request, answer := pattern(1, number, 50_000), []byte(nil)
		err := connection.Invoke(call, "/stub.Calls/Wait", &request, &answer)
		cancel()
		switch status.Code(err) {
		case codes.DeadlineExceeded:
			atomic.AddInt64(&deadlines, 1)
		case codes.Canceled:
			atomic.AddInt64(&givenUp, 1)
		default:
			end("a call that is given up", err)
		}
	}
}

func check(err error, what string) {
	if err != nil {
		end(what, err)
	}
}

func end(what string, err error) {
	fmt.Printf("%s: %v\n", what, err)
	os.Exit(1)
}
