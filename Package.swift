// swift-tools-version: 6.2
import PackageDescription

/// Every target of the house, with the only modules it may import (Docs/Architecture.md).
/// `TidyTests` reads this file and holds the sources to it.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]

func module(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func suite(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
  name: "quorate",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "quorate", targets: ["quorate"]),
    .executable(name: "mutation-test", targets: ["MutationTesting"]),
    .library(name: "QuorateClient", targets: ["QuorateClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    // Above the line: deterministic. No clock, socket, disk, lock, async or hidden dice.
    module("CChecksum"),
    module("Base", ["CChecksum"]),
    module("Raft", ["Base"]),
    module("KeyValue", ["Base"]),
    module("Replica", ["Base", "Raft", "KeyValue"]),
    module("Wire", ["Base", "Raft", "KeyValue", "Replica"]),
    module("Member", ["Base", "Raft", "KeyValue", "Replica", "Wire"]),
    module("Linearizability", ["Base"]),

    // Below the line: the world.
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    module("Storage", ["Base", "Raft", "KeyValue", "CSQLite"]),
    // Disks in memory, and disks that do wrong: for the lab and for tests.
    module("FaultyStorage", ["Base", "Storage", "CSQLite"]),
    module(
      "Simulation",
      [
        "Base", "Raft", "KeyValue", "Replica", "Wire", "Member", "Linearizability", "Storage",
        "FaultyStorage", "Services", "EtcdAPI",
      ]),
    module("Transport", ["Base", "Raft", "Replica", "Wire"] + nio),
    module(
      "EtcdAPI", [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Protos"]),
    module("Services", ["Base", "EtcdAPI", "KeyValue", "Replica", "Raft"]),
    module(
      "RPC",
      nio + [
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2"),
      ]),
    module(
      "Host",
      [
        "Base", "Raft", "KeyValue", "Replica", "Wire", "Member", "Storage", "FaultyStorage",
        "Transport", .product(name: "Logging", package: "swift-log"),
      ] + nio),
    module(
      "Handlers",
      [
        "Base", "Raft", "KeyValue", "Replica", "Member", "Storage", "FaultyStorage", "Transport",
        "EtcdAPI", "Services", "RPC", "Host",
      ] + nio),
    module(
      "Server",
      [
        "Base", "Raft", "KeyValue", "Replica", "Wire", "Member", "Storage", "FaultyStorage",
        "Transport", "Services", "RPC", "Host", "Handlers",
        .product(name: "Logging", package: "swift-log"),
      ] + nio),
    module("QuorateClient", ["Base", "EtcdAPI", "RPC"] + nio),
    module("LoadGenerator", ["Base", "QuorateClient", "EtcdAPI", "RPC"] + nio),
    module("Lab"),
    .executableTarget(
      name: "quorate",
      dependencies: [
        "Server", "Handlers", "Host", "QuorateClient", "LoadGenerator", "EtcdAPI", "Lab",
        "Simulation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    // Shows who notices each mutant of `Mutants/` (`make mutants`); for us.
    .executableTarget(
      name: "MutationTesting",
      dependencies: [
        "Base", "Simulation", "Storage", "FaultyStorage", "Wire", "Replica", "KeyValue", "Raft",
      ],
      swiftSettings: settings),
    // What one operation of each part costs (`make micro`); for us.
    module("CountedMalloc"),
    .executableTarget(
      name: "micro",
      dependencies: [
        "CountedMalloc", "Base", "Raft", "Replica", "KeyValue", "Wire", "Storage", "EtcdAPI",
        "Services", "Host",
      ],
      swiftSettings: settings),
    // Compares two servers' answers (`make compare`); for us, not for users.
    .executableTarget(
      name: "compare", dependencies: ["Base", "QuorateClient", "EtcdAPI", "RPC"] + nio,
      swiftSettings: settings),

    // What a call costs each of its ends (`.build/release/rpcload`); for us.
    .executableTarget(name: "rpcload", dependencies: ["RPC"] + nio, swiftSettings: settings),

    // Tests.
    suite("BaseTests", ["Base"]),
    suite("RaftTests", ["Base", "Raft"]),
    suite("KeyValueTests", ["Base", "KeyValue"]),
    suite("ReplicaTests", ["Base", "Replica", "Raft", "KeyValue"]),
    suite("WireTests", ["Base", "Wire", "Raft", "KeyValue", "Replica"]),
    suite("MemberTests", ["Base", "Member", "Raft", "KeyValue", "Replica", "Wire"]),
    suite("LinearizabilityTests", ["Linearizability"]),
    suite(
      "StorageTests", ["Base", "Storage", "FaultyStorage", "Raft", "KeyValue", "CSQLite"]),
    suite(
      "SimulationTests",
      [
        "Base", "Simulation", "Member", "Raft", "KeyValue", "Replica", "Linearizability", "Storage",
        "FaultyStorage", "Services", "EtcdAPI",
      ]),
    suite("TransportTests", ["Base", "Transport", "Wire", "Raft", "Replica"] + nio),
    suite("ServicesTests", ["Services", "EtcdAPI", "KeyValue", "Replica", "Raft"]),
    suite(
      "RPCTests", ["Base", "RPC", .product(name: "NIOHPACK", package: "swift-nio-http2")] + nio),
    suite(
      "ServerTests",
      [
        "Base", "Server", "Handlers", "Host", "QuorateClient", "EtcdAPI", "Services", "Member",
        "Replica", "Raft", "Storage", "KeyValue", "Wire", "RPC", "Transport",
        .product(name: "Logging", package: "swift-log"),
      ] + nio),
    suite(
      "QuorateClientTests", ["QuorateClient", "LoadGenerator", "EtcdAPI", "RPC"] + nio),
    suite("LoadGeneratorTests", ["LoadGenerator", "QuorateClient", "EtcdAPI"]),
    suite("quorateTests", ["quorate", "QuorateClient", "LoadGenerator", "EtcdAPI"]),
    suite("LabTests", ["Lab"]),
    suite(
      "EndToEndTests", ["Base", "Lab", "QuorateClient", "EtcdAPI", "Linearizability", "quorate"]),
    suite("MutationTestingTests", ["MutationTesting", "Simulation"]),
    suite("TidyTests", []),
  ]
)
