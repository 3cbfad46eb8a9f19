/// What this program is, and which etcd it behaves like.
public enum Version {
  public static let quorate = "0.1.0"
  /// Clients that ask for a version are told the etcd whose API this is.
  public static let etcd = "3.5.0"
  public static let cluster = "3.5.0"
}
