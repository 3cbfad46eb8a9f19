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
    .library(name: "QuorateClient", targets: ["Client"]),
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
    module("Raft"),
    module("KeyValue", ["Checksum"]),
    module("Replica", ["Raft", "KeyValue"]),
    module("Wire", ["Raft", "KeyValue", "Replica", "Checksum"]),
    module("Member", ["Raft", "KeyValue", "Replica", "Wire", "Checksum"]),
    module("Linearizability"),

    // Below the line: the world.
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    module("Storage", ["Raft", "KeyValue", "Checksum", "CSQLite"]),
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
      "Host",
      [
        "Member", "Replica", "Raft", "KeyValue", "Wire", "Checksum", "Storage", "Transport",
        .product(name: "Logging", package: "swift-log"),
      ] + nio),
    module(
      "Handlers",
      [
        "Host", "Services", "EtcdAPI", "RPC", "Member", "Replica", "Raft", "KeyValue", "Checksum",
        "Storage", "Transport",
      ] + nio),
    module(
      "Server",
      [
        "Handlers", "Host", "RPC", "Services", "Transport", "Wire", "Member", "Storage", "Replica",
        "Raft",
        "KeyValue", .product(name: "Logging", package: "swift-log"),
      ] + nio),
    module("Client", ["EtcdAPI", "RPC", "Checksum"] + nio),
    module("Lab", ["Client", "Linearizability", "Simulation"]),
    .executableTarget(
      name: "quorate",
      dependencies: [
        "Server", "Handlers", "Host", "Client", "EtcdAPI", "Lab", "Simulation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    // Shows who notices each mutant of `Mutants/` (`make mutants`); for us.
    .executableTarget(
      name: "hunt",
      dependencies: ["Simulation", "Storage", "Wire", "Replica", "KeyValue", "Raft"],
      swiftSettings: settings),
    // What one operation of each part costs (`make micro`); for us.
    module("CountedMalloc"),
    .executableTarget(
      name: "micro",
      dependencies: [
        "CountedMalloc", "Raft", "Replica", "KeyValue", "Wire", "Storage", "EtcdAPI", "Services",
        "Host",
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
    suite("MemberTests", ["Member", "Raft", "KeyValue", "Replica", "Wire", "Checksum"]),
    suite("LinearizabilityTests", ["Linearizability"]),
    suite("StorageTests", ["Storage", "Raft", "KeyValue", "Checksum", "CSQLite"]),
    suite(
      "SimulationTests",
      [
        "Simulation", "Member", "Raft", "KeyValue", "Replica", "Linearizability", "Storage",
        "Services", "EtcdAPI",
      ]),
    suite("TransportTests", ["Transport", "Wire", "Raft", "Replica"] + nio),
    suite("ServicesTests", ["Services", "EtcdAPI", "KeyValue", "Replica", "Raft"]),
    suite(
      "RPCTests", ["RPC", .product(name: "NIOHPACK", package: "swift-nio-http2")] + nio),
    suite(
      "ServerTests",
      [
        "Server", "Handlers", "Host", "Client", "EtcdAPI", "Services", "Member", "Replica", "Raft",
        "Storage", "KeyValue", "Wire", "RPC", "Transport",
        .product(name: "Logging", package: "swift-log"),
      ] + nio),
    suite("ClientTests", ["Client", "EtcdAPI", "RPC"] + nio),
    suite("quorateTests", ["quorate", "Client", "EtcdAPI"]),
    suite("LabTests", ["Lab", "Client"]),
    suite("EndToEndTests", ["Lab", "Client", "EtcdAPI", "Linearizability", "Raft", "quorate"]),
    suite("huntTests", ["hunt", "Simulation"]),
    suite("TidyTests", []),
  ]
)
