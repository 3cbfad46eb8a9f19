import Foundation

/// Which endpoints to talk to when the command line names none.
public enum EndpointDiscovery {
  /// Where the lab of a directory writes what it runs.
  public static let labFile = ".quorate-lab/lab.json"

  private struct Lab: Decodable {
    var endpoints: [String]
  }

  /// The first that there is of: `given`, `QUORATE_ENDPOINTS`, `ETCDCTL_ENDPOINTS`, the running lab
  /// of the directory, `127.0.0.1:2379`.
  public static func endpoints(
    given: [String], environment: [String: String], directory: String
  ) throws(Endpoint.Malformed) -> [Endpoint] {
    let named = texts(given)
    if !named.isEmpty { return try parse(named) }
    for variable in ["QUORATE_ENDPOINTS", "ETCDCTL_ENDPOINTS"] {
      let listed = texts([environment[variable] ?? ""])
      if !listed.isEmpty { return try parse(listed) }
    }
    let lab = labEndpoints(in: directory)
    return try parse(lab.isEmpty ? ["127.0.0.1:\(Endpoint.defaultPort)"] : lab)
  }

  /// A flag may be given more than once, and each holds a list with commas, as in etcdctl.
  private static func texts(_ lists: [String]) -> [String] {
    lists.flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }

  private static func parse(_ texts: [String]) throws(Endpoint.Malformed) -> [Endpoint] {
    var endpoints: [Endpoint] = []
    for text in texts { endpoints.append(try Endpoint(text)) }
    return endpoints
  }

  /// Empty when the directory has no running lab, or its file is no such list.
  private static func labEndpoints(in directory: String) -> [String] {
    let file = URL(fileURLWithPath: directory).appendingPathComponent(labFile)
    guard let data = try? Data(contentsOf: file),
      let lab = try? JSONDecoder().decode(Lab.self, from: data)
    else { return [] }
    return lab.endpoints
  }
}
