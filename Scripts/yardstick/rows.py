"""What is measured: each row drives our members and etcd's in turn, and fills its figures."""

import time

from .cluster import Failure, anonymous_bytes, disk_bytes
from .figures import Figure


class Setting:
    """What the rows share: the two stores, loaded, and how long to measure."""

    def __init__(self, ours, theirs, keys, many, rounds, seconds, say, fresh, go_client):
        """`fresh(side, flags)` makes a started cluster of one of the two sides, which the caller
        stops; `go_client` is the path of the Go client, None where it cannot be built."""
        self.ours, self.theirs, self.keys, self.many = ours, theirs, keys, many
        self.rounds, self.seconds, self.say = rounds, seconds, say
        self.fresh, self.go_client = fresh, go_client

    @property
    def both(self):
        return (self.ours, self.theirs)


class Load:
    """Rounds of `quorate bench` with the same flags, A B A B."""

    def __init__(self, operation, clients, connections, warm_up, figures, at_leader=False):
        """`figures`: (how to read the value from a run, the Figure's other arguments)."""
        self.operation, self.clients, self.connections = operation, clients, connections
        self.warm_up, self.figures, self.at_leader = warm_up, figures, at_leader

    def measure(self, row, setting):
        made = [(read, Figure(row, *words)) for read, words in self.figures]
        for number in range(setting.rounds):
            runs = [self.run(cluster, setting, number) for cluster in setting.both]
            same_answers(*runs)
            for read, figure in made:
                figure.add(read(runs[0]), read(runs[1]))
            setting.say(f"{row} {number + 1}/{setting.rounds}: " + " beside ".join(map(brief, runs)))
        return [figure for _, figure in made]

    def run(self, cluster, setting, number):
        urls = cluster.clients[cluster.await_leader()] if self.at_leader else None
        return cluster.bench(self.operation, *self.flags(setting, number), urls=urls)

    def flags(self, setting, number):
        return [
            "--clients", self.clients, "--connections", self.connections,
            "--seconds", setting.seconds, "--warm-up", self.warm_up, "--keys", setting.keys,
            "--seed", number + 1,
        ]


class DiskLoad(Load):
    """Also what the disk got, from one sync of everything to the next, warm-up included."""

    def run(self, cluster, setting, number):
        before = disk_bytes(cluster.place)
        found = super().run(cluster, setting, number)
        after = disk_bytes(cluster.place)
        if before is not None and after is not None:
            found["diskBytesPerOperation"] = (after - before) / (found["requests"] + self.warm_up)
        return found


class GoLoad(Load):
    """The same by etcd's own Go library: no advantage of our client hides in the figures."""

    def measure(self, row, setting):
        if setting.go_client is None:
            setting.say(f"{row}: left out, it needs Debian's golang-go and golang-etcd-server-dev")
            return []
        return super().measure(row, setting)

    def run(self, cluster, setting, number):
        return cluster.bench(
            self.operation, *self.flags(setting, number), program=[setting.go_client])


class Watches:
    """Rounds of `quorate bench-watch`: so many watchers, each of which gets each of the events."""

    def __init__(self, watchers, streams, events, writers, what, target):
        self.flags = ["--watchers", watchers, "--streams", streams, "--connections", 10,
                      "--events", events, "--writers", writers]
        self.what, self.target = what, target

    def measure(self, row, setting):
        made = [
            (rate, Figure(row, f"{self.what}: events/s", "", "more", self.target)),
            (lambda run: run["serverCPUMicrosecondsPerEvent"],
             Figure(row, "– CPU of the three servers", "µs/event", "less")),
            (lambda run: run["delayMicroseconds"]["p99"] / 1000,
             Figure(row, "– delay from the put, p99", "ms", "less")),
        ]
        for number in range(setting.rounds):
            runs = [cluster.bench_watch(*self.flags) for cluster in setting.both]
            for read, figure in made:
                figure.add(*map(read, runs))
            setting.say(f"{row} {number + 1}/{setting.rounds}: " + " beside ".join(
                f"{rate(run):,.0f} events/s" for run in runs))
        return [figure for _, figure in made]


class Memory:
    """Anonymous memory of the followers, with as little as possible done since they were loaded:
    the first row."""

    def measure(self, row, setting):
        figure = Figure(row, f"anonymous memory of a follower, {setting.keys:,} keys", "MB", "less",
                        "≤ 70 MB", "45 MB", 0)
        # What was put off during the load has its time.
        time.sleep(3)
        sizes = [[anonymous_bytes(cluster.processes[member].pid) / 1e6
                  for member in cluster.followers()] for cluster in setting.both]
        for pair in zip(*sizes):
            figure.add(*pair)
        setting.say(f"{row}: {sizes} MB")
        return [figure]


class LeaderKilled:
    """The longest time without an answered put, of 12 clients at all three members, around the
    death of the leader. Clients move to another member at once."""

    kills = 10

    def measure(self, row, setting):
        figure = Figure(row, f"leader killed, default timers: longest gap, {self.kills} times",
                        "ms", "less", "≤ 150 ms", "60 ms")
        for number in range(self.kills):
            gaps = [self.gap(cluster, setting) for cluster in setting.both]
            figure.add(*gaps)
            setting.say(f"{row} {number + 1}/{self.kills}: {gaps[0]:.0f} ms beside {gaps[1]:.0f} ms")
        return [figure]

    def gap(self, cluster, setting):
        leader = cluster.await_leader()
        writers = cluster.start_bench(
            "put", "--clients", 12, "--connections", 3, "--seconds", 3.5, "--warm-up", 0,
            "--timeout", "2s", "--keys", setting.keys)
        time.sleep(1)
        cluster.kill(leader)
        run = cluster.finish(writers)
        cluster.start_member(leader)
        cluster.await_leader()
        return run["longestGapMilliseconds"]


class Restart:
    """A follower is killed and started at once; how long is its own client without a linearizable
    get? The client asks and connects again every 5 ms. On members of their own: first they hold
    the keys, then also 100,000 overwrites."""

    overwrites = 100_000

    def measure(self, row, setting):
        loaded = Figure(row, f"restart of a member with {setting.keys:,} keys, to its first get",
                        "ms", "less", "≤ 300 ms", "150 ms")
        written = Figure(row, f"– after {self.overwrites:,} overwrites", "ms", "less")
        fresh = []
        try:
            for cluster in setting.both:
                fresh.append(setting.fresh(cluster.side, []))
                fresh[-1].load(setting.keys)
            # What was put off during the load has its time.
            time.sleep(2)
            self.rounds(row, setting, fresh, loaded)
            for cluster in fresh:
                cluster.bench("put", "--total", self.overwrites, "--keys", setting.keys)
            time.sleep(2)
            self.rounds(row, setting, fresh, written)
        finally:
            for cluster in fresh:
                cluster.stop()
        return [loaded, written]

    def rounds(self, row, setting, clusters, figure):
        for number in range(setting.rounds):
            gaps = [self.gap(cluster, setting) for cluster in clusters]
            figure.add(*gaps)
            setting.say(f"{row} {number + 1}/{setting.rounds}: {gaps[0]:.0f} ms "
                        f"beside {gaps[1]:.0f} ms")

    def gap(self, cluster, setting):
        member = cluster.followers()[0]
        reader = cluster.start_bench(
            "get", "--clients", 1, "--connections", 1, "--seconds", 5, "--warm-up", 0,
            "--timeout", "4s", "--keys", setting.keys, urls=cluster.clients[member])
        time.sleep(0.7)
        cluster.kill(member)
        cluster.start_member(member)
        run = cluster.finish(reader)
        if run["longestGapMilliseconds"] > 4_000:
            raise Failure(f"{cluster.store}: a member did not come back within four seconds")
        cluster.await_leader()
        return run["longestGapMilliseconds"]


class Pauses:
    """p99 of puts on a timetable: at rest, while the log is cut about once a second, and while a
    follower that was away is sent a snapshot. Flushes and checkpoints happen in all three."""

    rate = 1_000
    cut = 1_000
    # More than either keeps in its log (etcd: 5,000 beyond a snapshot).
    missed = 30_000
    words = {"quorate": "receives a snapshot", "etcd": "applied snapshot"}

    def measure(self, row, setting):
        texts = ["puts at 1,000/s: p99 at rest", "– while the log is cut",
                 "– while a follower gets a snapshot"]
        figures = [Figure(row, text, "ms", "less") for text in texts]
        worst = Figure(row, "– the worse of the two ÷ at rest", "", "less", "≤ 2", "1.2")
        busy = []
        try:
            for cluster in setting.both:
                fresh = setting.fresh(
                    cluster.side, ["--snapshot-count", str(self.cut), "--log-level", "info"])
                busy.append(fresh)
                fresh.load(setting.keys)
            for number in range(setting.rounds):
                found = [self.tails(cluster, each, setting)
                         for cluster, each in zip(setting.both, busy)]
                for figure, pair in zip(figures, zip(*found)):
                    figure.add(*pair)
                worst.add(*(max(tails[1:]) / tails[0] for tails in found))
                setting.say(f"{row} {number + 1}/{setting.rounds}: " + " beside ".join(
                    "/".join(f"{tail:.1f}" for tail in tails) + " ms" for tails in found))
        finally:
            for cluster in busy:
                cluster.stop()
        return figures + [worst]

    def tails(self, quiet, busy, setting):
        flags = ["--rate", self.rate, "--clients", 100, "--seconds", setting.seconds + 2,
                 "--warm-up", 500, "--keys", setting.keys]
        at_rest = p99(quiet.bench("put", *flags))
        cutting = p99(busy.bench("put", *flags))
        away = busy.followers()[0]
        busy.kill(away)
        busy.bench("put", "--total", self.missed, "--keys", setting.keys,
                   urls=busy.urls_without(away))
        before = busy.log_count(away, self.words[busy.store])
        writers = busy.start_bench("put", *flags, urls=busy.urls_without(away))
        time.sleep(0.5)
        busy.start_member(away)
        during = busy.finish(writers)
        if during["errorCount"] > 0:
            raise Failure(f"{busy.store}: errors during a snapshot: {during['errors']}")
        busy.await_leader()
        if busy.log_count(away, self.words[busy.store]) == before:
            raise Failure(f"{busy.store}: the member came back without a snapshot")
        return at_rest, cutting, p99(during)


class Upkeep:
    """p99 of puts on a timetable: at rest, while what 100,000 overwrites have superseded is
    compacted, and while every member gives the space back. On members of their own."""

    rate = 1_000
    overwrites = 100_000

    def measure(self, row, setting):
        texts = ["puts at 1,000/s beside upkeep: p99 at rest", "– while 100,000 rows are compacted",
                 "– while all members are defragmented"]
        targets = ["", "", "≤ 20 ms"]
        figures = [Figure(row, text, "ms", "less", target)
                   for text, target in zip(texts, targets)]
        fresh = []
        try:
            for cluster in setting.both:
                fresh.append(setting.fresh(cluster.side, []))
                fresh[-1].load(setting.keys)
            for number in range(setting.rounds):
                found = [self.tails(cluster, setting, number) for cluster in fresh]
                for figure, pair in zip(figures, zip(*found)):
                    figure.add(*pair)
                setting.say(f"{row} {number + 1}/{setting.rounds}: " + " beside ".join(
                    "/".join(f"{tail:.1f}" for tail in tails) + " ms" for tails in found))
        finally:
            for cluster in fresh:
                cluster.stop()
        return figures

    def tails(self, cluster, setting, number):
        cluster.bench("put", "--total", self.overwrites, "--keys", setting.keys,
                      "--seed", 100 + number)
        time.sleep(2)
        at_rest = self.tail_beside(cluster, setting)
        revision = max(status["header"]["revision"] for _, status in cluster.status())
        compacting = self.tail_beside(cluster, setting, "compaction", "--physical", revision)
        return at_rest, compacting, self.tail_beside(cluster, setting, "defrag")

    def tail_beside(self, cluster, setting, *words):
        writers = cluster.start_bench(
            "put", "--rate", self.rate, "--clients", 100, "--seconds", setting.seconds + 2,
            "--warm-up", 500, "--keys", setting.keys)
        time.sleep(1)
        if words:
            cluster.command(*words)
        run = cluster.finish(writers)
        if run["errorCount"] > 0:
            raise Failure(f"{cluster.store}: errors beside {words}: {run['errors']}")
        return p99(run)


class ManyKeys:
    """Puts with few keys and with many, in turn, on members of their own. Takes long: only when
    named."""

    def measure(self, row, setting):
        figures = [
            Figure(row, f"put, 100 clients, {setting.keys:,} keys: requests/s", ""),
            Figure(row, f"put, 100 clients, {setting.many:,} keys: requests/s", ""),
            Figure(row, "– the second ÷ the first", "", "more", "≥ 0.8", "0.95"),
            Figure(row, f"anonymous memory of a follower, {setting.many:,} keys", "MB", "less", "", "",
                   0),
        ]
        found = []
        for side in range(2):
            few, many = setting.fresh(side, []), setting.fresh(side, [])
            try:
                found.append(self.rates(few, many, setting))
            finally:
                few.stop()
                many.stop()
        for ours, theirs in zip(*found):
            for figure, pair in zip(figures, zip(ours, theirs)):
                figure.add(*pair)
        return figures

    def rates(self, few, many, setting):
        many.load(setting.many)
        many.await_leader(120)
        few.load(setting.keys)
        pairs = [(self.rate(few, setting, setting.keys, n), self.rate(many, setting, setting.many, n))
                 for n in range(setting.rounds)]
        memory = anonymous_bytes(many.processes[many.followers()[0]].pid) / 1e6
        setting.say(f"{many.store}: {pairs} puts a second, {memory:.0f} MB")
        return [(a, b, b / a, memory) for a, b in pairs]

    def rate(self, cluster, setting, keys, number):
        return rate(cluster.bench("put", "--seconds", setting.seconds, "--keys", keys,
                                  "--seed", number + 1))


def same_answers(ours, theirs):
    """Both must have said as much: a server that answers nothing is quick."""
    sizes = [run["answerBytesPerOperation"] for run in (ours, theirs)]
    if max(sizes) > 1.1 * min(sizes) + 20:
        raise Failure(f"{ours['operation']}: answers of {sizes[0]} and of {sizes[1]} bytes")


def brief(run):
    text = (f"{run['perSecond']:,.0f}/s p50 {run['latencyMicroseconds']['p50'] / 1000:.2f} ms, "
            f"servers {run['serverCPUMicrosecondsPerOperation']:.0f} µs, "
            f"client {run['clientCPUMicrosecondsPerOperation']:.0f} µs")
    syncs = run.get("syncs")
    if syncs and syncs["count"] > 0:
        text += f", {syncs['entriesPerSync']:.1f} entries a sync"
    return text


def rate(run):
    return run["perSecond"]


def server_cpu(run):
    return run["serverCPUMicrosecondsPerOperation"]


def p50(run):
    return run["latencyMicroseconds"]["p50"] / 1000


def p99(run):
    return run["latencyMicroseconds"]["p99"] / 1000


def written(run):
    return run["writtenBytesPerOperation"]


def reached_disk(run):
    return run.get("diskBytesPerOperation")


def entries_a_sync(run):
    return run["syncs"]["entriesPerSync"] if run.get("syncs") else None


def throughput(what, target, aim):
    return rate, (f"{what}: requests/s", "", "more", target, aim)


def cpu(target="", aim=""):
    return server_cpu, ("– CPU of the three servers", "µs/op", "less", target, aim)


def tail():
    return p99, ("– p99", "ms", "less")


ROWS = {
    # First: memory is compared before anything else was asked.
    "memory": Memory(),
    "put100": DiskLoad("put", 100, 10, 1_000, [
        throughput("put, 100 clients on 10 connections", "≥ 2.2×", "3×"), cpu("≤ 80 µs", "49 µs"),
        tail(),
        (reached_disk, ("– bytes that reached the disk, 3 members", "B/op", "less", "≤ 2,600 B",
                        "1,500 B")),
        (written, ("– bytes made dirty (write_bytes), 3 members", "B/op", "less")),
        (entries_a_sync, ("– entries a log sync, per member", "", "more")),
    ]),
    "put1000": Load("put", 1_000, 100, 2_000, [
        throughput("put, 1,000 clients on 100 connections", "≥ 2×", "2.5×"), cpu(), tail(),
        (entries_a_sync, ("– entries a log sync, per member", "", "more")),
    ]),
    "put1": Load("put", 1, 1, 100, [
        (p50, ("put, one client at the leader: p50", "ms", "less", "≤ 0.55 ms", "0.40 ms")),
        cpu(), tail(),
    ], at_leader=True),
    "get100": Load("get", 100, 10, 1_000, [
        throughput("linearizable get, 100 clients", "≥ 1.6×", "2×"), cpu("", "13 µs"), tail(),
    ]),
    "sget1000": Load("get-serializable", 1_000, 100, 2_000, [
        throughput("serializable get, 1,000 clients", "≥ 1.6×", "2×"), cpu("", "8 µs"), tail(),
    ]),
    "txn100": Load("txn", 100, 10, 1_000, [
        throughput("txn, 100 clients", "≥ 2.2×", "3×"), cpu(), tail(),
    ]),
    "range100": Load("range", 100, 10, 200, [
        throughput("range of exactly 100 keys, 100 clients", "≥ 1.5×", "2×"), cpu(), tail(),
    ]),
    "page": Load("page", 10, 10, 20, [
        throughput("page (limit 100, open end, full count), 10 clients", "≥ 25×", "50×"), cpu(),
        tail(),
    ]),
    "lease100": Load("lease", 100, 10, 500, [
        throughput("lease granted, key put, lease revoked, 100 clients", "≥ 8×", ""), cpu(),
        tail(),
    ]),
    "watch100": Watches(100, 10, 1_000, 10, "100 watchers, 1,000 puts", "≥ 1.5×"),
    "watch10000": Watches(10_000, 100, 20, 1, "10,000 watchers, 20 puts", ""),
    "go-put100": GoLoad("put", 100, 10, 1_000, [
        throughput("Go client: put, 100 clients", "", ""), cpu(), tail()]),
    "go-get100": GoLoad("get", 100, 10, 1_000, [
        throughput("Go client: linearizable get, 100 clients", "", ""), cpu(), tail()]),
    "go-sget1000": GoLoad("get-serializable", 1_000, 100, 2_000, [
        throughput("Go client: serializable get, 1,000 clients", "", ""), cpu(), tail()]),
    "go-txn100": GoLoad("txn", 100, 10, 1_000, [
        throughput("Go client: txn, 100 clients", "", ""), cpu(), tail()]),
    "go-page": GoLoad("page", 10, 10, 20, [
        throughput("Go client: page, 10 clients", "", ""), cpu(), tail()]),
    "killed": LeaderKilled(),
    "restart": Restart(),
    "pauses": Pauses(),
    "upkeep": Upkeep(),
    "many": ManyKeys(),
}

# Measured only when they are named.
LONG = {"many"}
