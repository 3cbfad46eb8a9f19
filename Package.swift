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

/// Faults to plant: there only with the trait, so no other build holds a trace of them.
let mutants: Target.Dependency = .target(
  name: "Mutants", condition: .when(traits: ["Mutants"]))

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
    .library(name: "QuorateClient", targets: ["Client"]),
  ],
  traits: [
    .trait(
      name: "Mutants",
      description: "Plants the fault that QUORATE_MUTANT names; for `make mutants` only.")
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
    module("Checksum", ["CChecksum"]),
    module("Raft", [mutants]),
    module("KeyValue", ["Checksum", mutants]),
    module("Replica", ["Raft", "KeyValue", mutants]),
    module("Wire", ["Raft", "KeyValue", "Replica", "Checksum", mutants]),
    module("Member", ["Raft", "Replica"]),
    module("Linearizability"),

    // Below the line: the world.
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    module("Storage", ["Raft", "KeyValue", "Checksum", "CSQLite", mutants]),
    module(
      "Simulation",
      [
        "Member", "Replica", "Wire", "Storage", "Linearizability", "Services", "EtcdAPI", "Raft",
        "KeyValue", "Checksum",
      ]),
    module("Transport", ["Wire", "Raft", "Replica"] + nio),
    module(
      "EtcdAPI", [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Protos"]),
    module("Services", ["EtcdAPI", "KeyValue", "Replica", "Raft"]),
    module(
      "RPC",
      nio + [
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2"),
      ]),
    module(
      "Server",
      [
        "Services", "Storage", "Transport", "RPC", "Member", "Replica", "Raft", "KeyValue", "Wire",
        "Checksum", "EtcdAPI", .product(name: "Logging", package: "swift-log"),
      ] + nio),
    module("Client", ["EtcdAPI", "RPC", "Checksum"] + nio),
    module("Lab", ["Client", "Linearizability", "Simulation"]),
    .executableTarget(
      name: "quorate",
      dependencies: [
        "Server", "Client", "EtcdAPI", "Lab", "Simulation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    // Faults by name, and the tool that shows that each is noticed (`make mutants`); for us.
    module("Mutants"),
    .executableTarget(
      name: "hunt",
      dependencies: ["Mutants", "Simulation", "Storage", "Wire", "Replica", "KeyValue", "Raft"],
      swiftSettings: settings),
    // What one operation of each part costs (`make micro`); for us.
    module("CountedMalloc"),
    .executableTarget(
      name: "micro",
      dependencies: [
        "CountedMalloc", "Raft", "Replica", "KeyValue", "Wire", "Storage", "EtcdAPI", "Services",
        "Server",
      ],
      swiftSettings: settings),
    // Compares two servers' answers (`make compare`); for us, not for users.
    .executableTarget(
      name: "compare", dependencies: ["Client", "EtcdAPI", "RPC"] + nio,
      swiftSettings: settings),

    // What a call costs each of its ends (`.build/release/rpcload`); for us.
    .executableTarget(name: "rpcload", dependencies: ["RPC"] + nio, swiftSettings: settings),

    // Tests.
    suite("ChecksumTests", ["Checksum"]),
    suite("RaftTests", ["Raft"]),
    suite("KeyValueTests", ["KeyValue", "Checksum"]),
    suite("ReplicaTests", ["Replica", "Raft", "KeyValue"]),
    suite("WireTests", ["Wire", "Raft", "KeyValue", "Replica", "Checksum"]),
    suite("MemberTests", ["Member", "Raft", "Replica"]),
    suite("LinearizabilityTests", ["Linearizability"]),
    suite("StorageTests", ["Storage", "Raft", "KeyValue", "Checksum", "CSQLite"]),
    suite(
      "SimulationTests",
      [
        "Simulation", "Raft", "KeyValue", "Replica", "Linearizability", "Storage", "Services",
        "EtcdAPI",
      ]),
    suite("TransportTests", ["Transport", "Wire", "Raft", "Replica"] + nio),
    suite("ServicesTests", ["Services", "EtcdAPI", "KeyValue", "Replica", "Raft"]),
    suite(
      "RPCTests", ["RPC", .product(name: "NIOHPACK", package: "swift-nio-http2")] + nio),
    suite(
      "ServerTests",
      [
        "Server", "Client", "EtcdAPI", "Services", "Member", "Replica", "Raft", "Storage",
        "KeyValue", "Wire", "RPC", "Transport",
        .product(name: "Logging", package: "swift-log"),
      ] + nio),
    suite("ClientTests", ["Client", "EtcdAPI", "RPC"] + nio),
    suite("quorateTests", ["quorate", "Client", "EtcdAPI"]),
    suite("LabTests", ["Lab", "Client"]),
    suite("EndToEndTests", ["Lab", "Client", "EtcdAPI", "Linearizability", "Raft", "quorate"]),
    suite("huntTests", ["hunt", "Mutants", "Simulation"]),
    suite("TidyTests", []),
  ]
)
