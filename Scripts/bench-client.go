// A closed loop of clients on etcd's own Go library, for `make bench`: what it measures shows
// whether a figure owes anything to our own client.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o .build/bench-client Scripts/bench-client.go
//	.build/bench-client put -endpoints http://127.0.0.1:2379
//
// Operations, keys, values and the JSON are those of `quorate bench` (Sources/LoadGenerator/Load.swift).
// Needs Debian's golang-go and golang-etcd-server-dev.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"go.etcd.io/etcd/clientv3"
	pb "go.etcd.io/etcd/etcdserver/etcdserverpb"
)

var (
	endpoints   = flag.String("endpoints", "", "where the members listen, with commas")
	clients     = flag.Int("clients", 100, "clients that ask at the same time")
	connections = flag.Int("connections", 10, "connections that they share")
	seconds     = flag.Float64("seconds", 3, "how long requests begin")
	warmUp      = flag.Int("warm-up", 1000, "requests before measuring begins")
	keys        = flag.Int("keys", 10000, "different keys")
	valueSize   = flag.Int("value-size", 256, "bytes of a value")
	limit       = flag.Int("limit", 100, "keys of a range or a page")
	seed        = flag.Uint64("seed", 1, "which keys")
	serverPids  = flag.String("server-pids", "", "the servers' process ids, with commas")
)

// put, get, get-serializable, txn, range or page: the first argument.
var operation string

// draw is the number-th draw of SplitMix64 below a bound.
func draw(number uint64, bound int) int {
	mixed := *seed + (number+1)*0x9e3779b97f4a7c15
	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb
	mixed ^= mixed >> 31
	high, _ := bits.Mul64(mixed, uint64(bound))
	return int(high)
}

func key(number int) string { return fmt.Sprintf("load/%015d", number) }

// ask makes the request with this number, and returns the size of its answer.
func ask(client *clientv3.Client, number uint64, value string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	first := draw(number, *keys)
	switch operation {
	case "put":
		answer, err := client.Put(ctx, key(first), value)
		return (*pb.PutResponse)(answer).Size(), err
	case "txn":
		txn := client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key(first)), ">", 0))
		if number%2 == 0 {
			txn = txn.Then(clientv3.OpGet(key(first)))
		} else {
			put := clientv3.OpPut(key(first), value)
			txn = txn.Then(put).Else(put)
		}
		answer, err := txn.Commit()
		return (*pb.TxnResponse)(answer).Size(), err
	}
	var options []clientv3.OpOption
	switch operation {
	case "get-serializable":
		options = []clientv3.OpOption{clientv3.WithSerializable()}
	case "range":
		first = draw(number, *keys-*limit+1)
		options = []clientv3.OpOption{clientv3.WithRange(key(first + *limit))}
	case "page":
		options = []clientv3.OpOption{clientv3.WithFromKey(), clientv3.WithLimit(int64(*limit))}
	}
	answer, err := client.Get(ctx, key(first), options...)
	return (*pb.RangeResponse)(answer).Size(), err
}

type stretch struct {
	latencies []time.Duration
	bytes     int
	errors    map[string]int
	elapsed   time.Duration
}

// play asks until there is no next request: `total` of them, or, when it is 0, for `span`.
func play(open []*clientv3.Client, total int64, span time.Duration, value string) stretch {
	var taken int64 = -1
	begun := time.Now()
	result := stretch{errors: map[string]int{}}
	var lock sync.Mutex
	var group sync.WaitGroup
	for lane := 0; lane < *clients; lane++ {
		group.Add(1)
		go func(client *clientv3.Client) {
			defer group.Done()
			own := stretch{errors: map[string]int{}}
			for {
				number := atomic.AddInt64(&taken, 1)
				start := time.Now()
				if total > 0 && number >= total || total == 0 && start.Sub(begun) >= span {
					break
				}
				bytes, err := ask(client, uint64(number), value)
				own.bytes += bytes
				if err != nil {
					own.errors[err.Error()]++
					time.Sleep(5 * time.Millisecond)
				}
				own.latencies = append(own.latencies, time.Since(start))
			}
			lock.Lock()
			defer lock.Unlock()
			result.latencies = append(result.latencies, own.latencies...)
			result.bytes += own.bytes
			for text, count := range own.errors {
				result.errors[text] += count
			}
		}(open[lane%len(open)])
	}
	group.Wait()
	result.elapsed = time.Since(begun)
	return result
}

// cpu is the CPU time of all threads of a process (the clock of clock_getcpuclockid).
func cpu(pid int) time.Duration {
	var spec syscall.Timespec
	clock := uintptr(uint32(^int32(pid)<<3 | 2))
	_, _, failed := syscall.Syscall(
		syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&spec)), 0)
	if failed != 0 {
		stop("there is no process", pid)
	}
	return time.Duration(spec.Nano())
}

func stop(words ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"bench-client:"}, words...)...)
	os.Exit(2)
}

func main() {
	known := "put get get-serializable txn range page"
	if len(os.Args) < 2 || !strings.Contains(" "+known+" ", " "+os.Args[1]+" ") {
		stop("the first argument is one of:", known)
	}
	operation = os.Args[1]
	flag.CommandLine.Parse(os.Args[2:])
	var pids []int
	for _, word := range strings.Split(*serverPids, ",") {
		if pid, err := strconv.Atoi(word); err == nil {
			pids = append(pids, pid)
		}
	}
	servers := func() (sum time.Duration) {
		for _, pid := range pids {
			sum += cpu(pid)
		}
		return
	}
	urls := strings.Split(*endpoints, ",")
	var open []*clientv3.Client
	for number := 0; number < *connections; number++ {
		client, err := clientv3.New(clientv3.Config{
			Endpoints:   []string{urls[number%len(urls)]},
			DialTimeout: 5 * time.Second,
		})
		if err != nil {
			stop(err)
		}
		defer client.Close()
		open = append(open, client)
	}
	value := strings.Repeat("v", *valueSize)
	play(open, int64(*warmUp), 0, value)
	before, serversBefore := cpu(os.Getpid()), servers()
	found := play(open, 0, time.Duration(*seconds*float64(time.Second)), value)
	used, serversUsed := cpu(os.Getpid())-before, servers()-serversBefore

	sort.Slice(found.latencies, func(i, j int) bool { return found.latencies[i] < found.latencies[j] })
	count, failed := len(found.latencies), 0
	for _, errors := range found.errors {
		failed += errors
	}
	rank := func(share float64) float64 {
		place := int(share*float64(count)+0.9999999) - 1
		if place < 0 {
			place = 0
		}
		return float64(found.latencies[place].Nanoseconds()) / 1000
	}
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"operation": operation, "requests": count, "seconds": found.elapsed.Seconds(),
		"perSecond": float64(count-failed) / found.elapsed.Seconds(),
		"errors":    found.errors, "errorCount": failed,
		"answerBytesPerOperation":           float64(found.bytes) / float64(count),
		"clientCPUMicrosecondsPerOperation": float64(used.Nanoseconds()) / 1000 / float64(count),
		"serverCPUMicrosecondsPerOperation": float64(serversUsed.Nanoseconds()) / 1000 / float64(count),
		"latencyMicroseconds": map[string]float64{
			"p50": rank(0.5), "p90": rank(0.9), "p99": rank(0.99), "p999": rank(0.999), "max": rank(1),
		},
	})
}
