import Host
import EtcdAPI
import NIOCore
import RPC
import Replica
import Services

/// A call with its one message, to be answered once, on the loop of its client.
struct OpenCall {
  /// Who hears how the call ends.
  private enum Caller {
    case client(UnaryCall)
    /// A part of the member that is to the services a client like any other; it knows the call by
    /// this number.
    case member(any OutcomeReceiver, UInt64)
  }

  let context: CallContext
  let message: ByteBuffer
  private let caller: Caller

  init(_ call: UnaryCall) {
    context = call.context
    message = call.message
    caller = .client(call)
  }

  init(_ context: CallContext, message: ByteBuffer, for caller: any OutcomeReceiver, _ id: UInt64) {
    self.context = context
    self.message = message
    self.caller = .member(caller, id)
  }

  var body: [UInt8] { Array(message.readableBytesView) }

  func answer(_ message: [UInt8], trailers: Metadata = Metadata()) {
    switch caller {
    case .client(let call): call.answer(message, trailers: trailers)
    case .member(let receiver, let id): receiver.ended(id, .answered(message, trailers))
    }
  }

  func fail(_ status: RPCStatus, trailers: Metadata = Metadata()) {
    switch caller {
    case .client(let call): call.fail(status, trailers: trailers)
    case .member(let receiver, let id): receiver.ended(id, .failed(status, trailers))
    }
  }

  func fail(_ answer: FailedAnswer) { fail(RPCStatus(answer.status), trailers: answer.trailers) }
}

/// Who makes calls of its own, on the loop of a client.
protocol OutcomeReceiver: AnyObject {
  func ended(_ call: UInt64, _ outcome: UnaryOutcome)
}

extension FailedAnswer {
  /// What goes beside the status.
  var trailers: Metadata {
    var trailers = Metadata()
    if let why { trailers.add(QuorateMetadata.why, bytes: why.encoded) }
    return trailers
  }
}

extension RPCStatus {
  init(_ status: EtcdStatus) {
    self.init(RPCStatusCode(rawValue: status.code.rawValue) ?? .unknown, status.text)
  }
}
