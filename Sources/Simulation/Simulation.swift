// Simulation: many members on virtual time, from one seed.
//
// The members are the product's own: `ReplicaCore` with its `RaftCore`, the `LogLane`, the
// key-value `Store`, the log and state of `Storage`, and every byte between members goes through
// `Wire`. Only what stands around them is made up: clocks, links, disks, processes and clients.
// Nothing here waits, reads a clock or throws dice of its own, so a seed and a build name a run,
// byte for byte.
//
// Reading order:
//
// 1. `Weather`           how rough a run is; every seed draws its own;
// 2. `Event`, `EventQueue`, `MemberClock`, `Network`    time and distance;
// 3. `SimulatedMember`, `MemberDisk`, `SimulatedClient`    who lives there;
// 4. `World` and its extensions    one event after the other: processes, steps, disk, network,
//    state machine, snapshots, clients, weather;
// 5. `Checks` and `Invariants/`    what must hold after every step, one property each;
// 6. `Simulator`         storm, calm, progress, verdict; `Swarm` runs many;
// 7. `Scenario`          a world without weather, led by hand;
// 8. `Exhaustive/`       no seed at all: `Explorer` walks through every state of a `Scope`.
//
// What a crash takes: everything in memory; of what the log has under way, all but a prefix; with
// the power also what no sync covered. What it leaves: whatever a promise has rested on, or a check
// fails. One seed in four keeps its members' data in the product's own files, on a `MemoryDisk`
// that can also fail, fill up, stall and turn bits over (`MemberDisk`, `World+Faults`).
//
// Left out: disks that lie about a sync, and attackers. TigerBeetle's vopr and FoundationDB's
// simulator treat more.
