import Raft
import Wire

/// The lane that reads snapshots for followers and writes down those that arrive: both take long,
/// and neither may hold up the log or the readers.
///
/// An arrival's file is made, written and given up here and nowhere else. What has arrived whole
/// stays in sight until the exchange says whether the log installs it.
public struct SnapshotLane<Ports: SnapshotPorts> {
  /// A state on its way out.
  private struct Sending {
    var number: UInt64
    var source: Ports.Source
    /// Read and not yet handed over.
    var unsent = SnapshotPieces()
    var isRead = false
  }

  /// A file on its way in.
  private struct Receiving {
    var stream: SnapshotStreamID
    var file: Ports.Arrival
    var pieces = SnapshotPieces()
  }

  /// What one frame carries: a frame has one payload.
  private let pieceBytes: Int
  private var sending: [Sending] = []
  private var receiving: [Receiving] = []
  private var lastSource: UInt64 = 0

  /// `pieceBytes`: the most that one frame carries.
  public init(pieceBytes: Int = 60 << 10) {
    precondition(pieceBytes > 0, "a piece of \(pieceBytes) bytes carries nothing")
    self.pieceBytes = pieceBytes
  }

  /// Works through a batch.
  public mutating func turn(
    _ letters: [SnapshotLetter<Ports.Source>], ports: inout Ports, out: inout SnapshotLaneOutput
  ) {
    for letter in letters {
      switch letter {
      case .opened(let request, let transfer): open(request, transfer.take(), ports, &out)
      case .order(.read(source: let number, let stream)): read(number, stream, &ports, &out)
      case .order(.close(source: let number)): close(number, &ports, &out)
      case .order(.expect(let stream)): expect(stream, &ports, &out)
      case .order(.piece(let stream, let bytes)):
        receive(stream, &ports, &out) { (arrival, ports) throws(SnapshotFault) in
          arrival.pieces.append(bytes)
          while let chunk = try arrival.pieces.popChunk() {
            try ports.write(chunk, to: arrival.file)
          }
          return .taken(stream)
        }
      case .order(.finish(let stream)):
        receive(stream, &ports, &out) { (arrival, ports) throws(SnapshotFault) in
          guard arrival.pieces.count == 0 else { throw .refused(.damaged) }
          return .arrived(stream, applied: try ports.finish(arrival.file))
        }
      case .order(.release(let stream)): receiving.removeAll { $0.stream == stream }
      case .order(.abandon(let stream)): abandon(stream, &ports)
      }
    }
  }

  /// The last turn: lets go of everything.
  public mutating func close(ports: inout Ports) {
    for source in sending { ports.close(source.source) }
    for arrival in receiving { ports.abandon(arrival.file) }
    (sending, receiving) = ([], [])
  }

  // MARK: Out

  private mutating func open(
    _ request: SnapshotRequest, _ source: Ports.Source, _ ports: Ports,
    _ out: inout SnapshotLaneOutput
  ) {
    lastSource += 1
    sending.append(Sending(number: lastSource, source: source))
    let head = SnapshotHead(applied: ports.applied(by: source), source: lastSource)
    out.reports.append(.opened(request, head))
  }

  private mutating func read(
    _ number: UInt64, _ stream: SnapshotStreamID, _ ports: inout Ports,
    _ out: inout SnapshotLaneOutput
  ) {
    guard let position = sending.firstIndex(where: { $0.number == number }) else { return }
    do throws(SnapshotFault) {
      while !sending[position].isRead && sending[position].unsent.count < pieceBytes {
        let source = sending[position].source
        if let chunk = try ports.next(of: source, limitBytes: pieceBytes) {
          sending[position].unsent.append(chunk: chunk)
        } else {
          sending[position].isRead = true
        }
      }
    } catch {
      // The exchange gives the stream up when nothing comes.
      return
    }
    let piece = sending[position].unsent.popPiece(limitBytes: pieceBytes)
    out.reports.append(piece.isEmpty ? .exhausted(stream) : .chunk(stream, piece))
  }

  private mutating func close(
    _ number: UInt64, _ ports: inout Ports, _ out: inout SnapshotLaneOutput
  ) {
    guard let position = sending.firstIndex(where: { $0.number == number }) else { return }
    ports.close(sending.remove(at: position).source)
    out.closedSources += 1
  }

  // MARK: In

  private mutating func expect(
    _ stream: SnapshotStreamID, _ ports: inout Ports, _ out: inout SnapshotLaneOutput
  ) {
    precondition(
      !receiving.contains { $0.stream == stream }, "stream \(stream.number) arrives twice")
    do throws(SnapshotFault) {
      receiving.append(Receiving(stream: stream, file: try ports.makeArrival()))
    } catch .refused(let reason) {
      out.reports.append(.refused(stream, reason))
    } catch {
      return
    }
  }

  /// Does something with an arrival that is under way, and reports what came of it. A fault of its
  /// own ends the arrival.
  private mutating func receive(
    _ stream: SnapshotStreamID, _ ports: inout Ports, _ out: inout SnapshotLaneOutput,
    _ body: (inout Receiving, inout Ports) throws(SnapshotFault) -> SnapshotReport
  ) {
    guard let position = receiving.firstIndex(where: { $0.stream == stream }) else { return }
    do throws(SnapshotFault) {
      out.reports.append(try body(&receiving[position], &ports))
    } catch .refused(let reason) {
      ports.abandon(receiving.remove(at: position).file)
      out.reports.append(.refused(stream, reason))
    } catch {
      return
    }
  }

  private mutating func abandon(_ stream: SnapshotStreamID, _ ports: inout Ports) {
    guard let position = receiving.firstIndex(where: { $0.stream == stream }) else { return }
    ports.abandon(receiving.remove(at: position).file)
  }
}
