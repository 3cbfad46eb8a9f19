/// The etcd v3 API: its messages, generated from `Protos/` into `Generated/` by
/// `Scripts/generate-protos`, and the names of its methods. The messages carry the prefix `Etcd`;
/// `EtcdRangeRequest` is etcd's `etcdserverpb.RangeRequest`.
///
/// A method is named by the path that a gRPC call carries in `:path`.
public enum EtcdMethod {
  /// The methods of `etcdserverpb.KV`.
  public enum KV {
    public static let range = "/etcdserverpb.KV/Range"
    public static let put = "/etcdserverpb.KV/Put"
    public static let deleteRange = "/etcdserverpb.KV/DeleteRange"
    public static let txn = "/etcdserverpb.KV/Txn"
    public static let compact = "/etcdserverpb.KV/Compact"
  }

  /// The methods of `etcdserverpb.Watch`.
  public enum Watch {
    public static let watch = "/etcdserverpb.Watch/Watch"
  }

  /// The methods of `etcdserverpb.Lease`.
  public enum Lease {
    public static let leaseGrant = "/etcdserverpb.Lease/LeaseGrant"
    public static let leaseRevoke = "/etcdserverpb.Lease/LeaseRevoke"
    public static let leaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive"
    public static let leaseTimeToLive = "/etcdserverpb.Lease/LeaseTimeToLive"
    public static let leaseLeases = "/etcdserverpb.Lease/LeaseLeases"
  }

  /// The methods of `etcdserverpb.Cluster`.
  public enum Cluster {
    public static let memberAdd = "/etcdserverpb.Cluster/MemberAdd"
    public static let memberRemove = "/etcdserverpb.Cluster/MemberRemove"
    public static let memberUpdate = "/etcdserverpb.Cluster/MemberUpdate"
    public static let memberList = "/etcdserverpb.Cluster/MemberList"
    public static let memberPromote = "/etcdserverpb.Cluster/MemberPromote"
  }

  /// The methods of `etcdserverpb.Maintenance`.
  public enum Maintenance {
    public static let alarm = "/etcdserverpb.Maintenance/Alarm"
    public static let status = "/etcdserverpb.Maintenance/Status"
    public static let defragment = "/etcdserverpb.Maintenance/Defragment"
    public static let hash = "/etcdserverpb.Maintenance/Hash"
    public static let hashKV = "/etcdserverpb.Maintenance/HashKV"
    public static let snapshot = "/etcdserverpb.Maintenance/Snapshot"
    public static let moveLeader = "/etcdserverpb.Maintenance/MoveLeader"
    public static let downgrade = "/etcdserverpb.Maintenance/Downgrade"
  }

  /// The methods of `etcdserverpb.Auth`.
  public enum Auth {
    public static let authEnable = "/etcdserverpb.Auth/AuthEnable"
    public static let authDisable = "/etcdserverpb.Auth/AuthDisable"
    public static let authStatus = "/etcdserverpb.Auth/AuthStatus"
    public static let authenticate = "/etcdserverpb.Auth/Authenticate"
    public static let userAdd = "/etcdserverpb.Auth/UserAdd"
    public static let userGet = "/etcdserverpb.Auth/UserGet"
    public static let userList = "/etcdserverpb.Auth/UserList"
    public static let userDelete = "/etcdserverpb.Auth/UserDelete"
    public static let userChangePassword = "/etcdserverpb.Auth/UserChangePassword"
    public static let userGrantRole = "/etcdserverpb.Auth/UserGrantRole"
    public static let userRevokeRole = "/etcdserverpb.Auth/UserRevokeRole"
    public static let roleAdd = "/etcdserverpb.Auth/RoleAdd"
    public static let roleGet = "/etcdserverpb.Auth/RoleGet"
    public static let roleList = "/etcdserverpb.Auth/RoleList"
    public static let roleDelete = "/etcdserverpb.Auth/RoleDelete"
    public static let roleGrantPermission = "/etcdserverpb.Auth/RoleGrantPermission"
    public static let roleRevokePermission = "/etcdserverpb.Auth/RoleRevokePermission"
  }

  /// The methods of `v3lockpb.Lock`.
  public enum Lock {
    public static let lock = "/v3lockpb.Lock/Lock"
    public static let unlock = "/v3lockpb.Lock/Unlock"
  }

  /// The methods of `v3electionpb.Election`.
  public enum Election {
    public static let campaign = "/v3electionpb.Election/Campaign"
    public static let proclaim = "/v3electionpb.Election/Proclaim"
    public static let leader = "/v3electionpb.Election/Leader"
    public static let observe = "/v3electionpb.Election/Observe"
    public static let resign = "/v3electionpb.Election/Resign"
  }

  /// The methods of `grpc.health.v1.Health`: gRPC's own, which etcd serves too.
  public enum Health {
    public static let check = "/grpc.health.v1.Health/Check"
    public static let watch = "/grpc.health.v1.Health/Watch"
  }

  /// The method of `grpc.reflection.v1.ServerReflection`, by its present and its older name.
  public enum Reflection {
    public static let info = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    public static let olderInfo = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
  }
}
