"""Three members of a store on loopback: ours and etcd's take the same flags."""

import json
import os
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """A sentence for the user."""


def free_ports(count):
    """Ports that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Cluster:
    """Members 0, 1, 2; each a process with its own directory, log and ports."""

    def __init__(self, store, program, quorate, place, flags=(), side=0):
        """`program` is the words that start a member, as ["etcd"] or ["quorate", "server"]; `side`
        says which of the two that are compared it is."""
        self.store, self.program, self.quorate, self.place = store, program, quorate, place
        self.side = side
        # The last of two counts.
        self.flags = ["--log-level", "error"] + list(flags)
        ports = free_ports(6)
        self.clients = [f"http://127.0.0.1:{port}" for port in ports[:3]]
        self.peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
        self.processes = [None, None, None]

    @property
    def urls(self):
        return ",".join(self.clients)

    @property
    def pids(self):
        return [process.pid for process in self.processes if process]

    def start(self):
        for member in range(3):
            self.start_member(member)
        self.await_leader()

    def start_member(self, member):
        name = f"m{member}"
        command = self.program + [
            "--name", name,
            "--data-dir", os.path.join(self.place, name),
            "--listen-client-urls", self.clients[member],
            "--advertise-client-urls", self.clients[member],
            "--listen-peer-urls", self.peers[member],
            "--initial-advertise-peer-urls", self.peers[member],
            "--initial-cluster", ",".join(f"m{n}={url}" for n, url in enumerate(self.peers)),
        ] + self.flags
        with open(os.path.join(self.place, f"{name}.log"), "ab") as log:
            self.processes[member] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, member):
        """As a crash would end it; returns when the process is gone."""
        process = self.processes[member]
        process.kill()
        process.wait()
        self.processes[member] = None

    def stop(self):
        for process in filter(None, self.processes):
            process.send_signal(signal.SIGTERM)
        for process in filter(None, self.processes):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = [None, None, None]

    def status(self):
        """Each member's answer to Maintenance.Status; those that are not there are left out."""
        answers = []
        for member, url in enumerate(self.clients):
            if self.processes[member] is None:
                continue
            done = subprocess.run(
                [self.quorate, "endpoint", "status", "-w", "json", "--endpoints", url,
                 "--command-timeout", "2s"],
                capture_output=True, text=True, check=False)
            if done.returncode == 0:
                status = json.loads(done.stdout)[0]["Status"]
                answers.append((member, status))
        return answers

    def leader(self):
        """The member that all who answer call leader; None when they do not agree."""
        answers = self.status()
        named = {status.get("leader", 0) for _, status in answers}
        if len(named) != 1 or named == {0} or len(answers) < len(self.pids):
            return None
        for member, status in answers:
            if status["header"]["member_id"] in named:
                return member
        return None

    def await_leader(self, seconds=30):
        """Also waits until every member has applied what every other has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for member, process in enumerate(self.processes):
                if process and process.poll() is not None:
                    raise Failure(f"{self.store}: member {member} has ended; {self.last_words(member)}")
            leader = self.leader()
            if leader is not None:
                applied = [status.get("raftAppliedIndex", 0) for _, status in self.status()]
                if len(applied) == len(self.pids) and max(applied) - min(applied) <= 10:
                    return leader
            time.sleep(0.1)
        raise Failure(f"{self.store}: no leader, or members far apart, after {seconds} s")

    def last_words(self, member):
        with open(os.path.join(self.place, f"m{member}.log"), errors="replace") as log:
            return "".join(log.readlines()[-5:]).strip()

    def followers(self):
        leader = self.await_leader()
        return [member for member in range(3) if member != leader]

    def urls_without(self, member):
        return ",".join(url for number, url in enumerate(self.clients) if number != member)

    def log_count(self, member, words):
        """How many lines of a member's log have these words."""
        with open(os.path.join(self.place, f"m{member}.log"), errors="replace") as log:
            return sum(words in line for line in log)

    def command(self, *words):
        """Runs a command of our client against every member."""
        done = subprocess.run(
            [self.quorate, *map(str, words), "--endpoints", self.urls, "--command-timeout", "120s"],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{self.store}: {words}: {done.stderr.strip()}")

    def load(self, keys):
        return self.bench("load", "--keys", keys, "--clients", 8, "--connections", 3)

    def start_bench(self, operation, *flags, urls=None, program=None, pids=()):
        """A run of `quorate bench`, or of another program with the same flags, on its way."""
        command = (program or [self.quorate, "bench", "-w", "json"]) + [
            operation, "--endpoints", urls or self.urls] + [str(flag) for flag in flags]
        if pids:
            command += ["--server-pids", ",".join(map(str, pids))]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def bench_watch(self, *flags):
        """A run of `quorate bench-watch` with what the members used for it."""
        command = [self.quorate, "bench-watch", "-w", "json", "--endpoints", self.urls,
                   "--server-pids", ",".join(map(str, self.pids))] + [str(flag) for flag in flags]
        return self.finish(subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

    def finish(self, run):
        """What a run found. Its errors are the caller's matter, unless there is nothing else."""
        try:
            out, errors = run.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            raise Failure(f"{self.store}: {' '.join(run.args)} does not end") from None
        if run.returncode != 0:
            raise Failure(f"{self.store}: {' '.join(run.args)}: {errors.strip()}")
        return json.loads(out)

    def bench(self, operation, *flags, urls=None, program=None):
        """A run with what the members used for it. Errors make its figures worthless."""
        found = self.finish(self.start_bench(
            operation, *flags, urls=urls, program=program, pids=self.pids))
        if found["errorCount"] > 0:
            raise Failure(f"{self.store}: {operation}: {found['errors']}")
        return found


def anonymous_bytes(pid):
    """Memory that belongs to the process alone and to no file."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        for line in lines:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise Failure(f"process {pid} does not tell its memory")


def disk_bytes(place):
    """What the disk under a directory has been given since the machine started, once everything is
    written; None where the system does not tell."""
    os.sync()
    device = os.stat(place).st_dev
    try:
        with open("/proc/diskstats") as lines:
            for line in lines:
                words = line.split()
                if (int(words[0]), int(words[1])) == (os.major(device), os.minor(device)):
                    return int(words[9]) * 512
    except OSError:
        pass
    return None
