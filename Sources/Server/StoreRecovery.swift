import Base
import Raft
import Replica
import Storage

/// `quorate recover`: a store whose majority is lost for ever goes on with one member.
public struct StoreRecovery {
  /// Why it cannot.
  public struct Failure: Error, Hashable, Sendable {
    /// One sentence.
    public var sentence: String
  }

  private let salvages: [Salvage]
  private let survivors: [Survivor]
  private let plan: RecoveryPlan
  private let incarnation: Incarnation

  /// Locks and proves the directories, and compares them.
  public init(directories: [String]) throws(Failure) {
    var salvages: [Salvage] = []
    do throws(StorageError) {
      for path in directories { salvages.append(try Salvage(at: path)) }
    } catch {
      for salvage in salvages { try? salvage.close() }
      throw Failure(sentence: error.description)
    }
    self.salvages = salvages
    survivors = salvages.map { salvage in
      Survivor(
        cluster: salvage.identity.cluster, member: salvage.identity.member,
        name: salvage.identity.name, term: salvage.log.hardState.currentTerm, last: salvage.last,
        applied: salvage.applied, configuration: salvage.configuration,
        founding: salvage.log.founding)
    }
    incarnation = Incarnation(UInt64.random(in: 1 ... .max))
    do throws(RecoveryRefusal) {
      plan = try RecoveryPlan(survivors, incarnation: incarnation)
    } catch {
      for salvage in salvages { try? salvage.close() }
      throw Failure(sentence: error.sentence)
    }
  }

  /// What has to be typed before anything is written.
  public var confirmation: String { hexadecimal(survivors[0].cluster) }

  /// What is there, what is kept, and what may be lost: one line each.
  public var text: [String] {
    let best = survivors[plan.chosen]
    let end = best.last.index.number
    var lines = [
      "cluster \(confirmation): \(plan.voters) voters; without a directory here: "
        + names(plan.lost.map { ($0.name, $0.id) })
    ]
    for (survivor, salvage) in zip(survivors, salvages) {
      lines.append(
        "  \(survivor.name): entries up to \(survivor.last.index.number) of term "
          + "\(survivor.last.term.number), applied up to \(survivor.applied.number), in term "
          + "\(survivor.term.number) (\(salvage.path))")
    }
    lines += [
      "goes on: \(best.name) alone, under a new incarnation, from term "
        + "\(plan.hardState.currentTerm.number) on",
      "kept: entries up to \(plan.committed.number), which were surely committed",
    ]
    if end > plan.committed.number {
      lines.append(
        "kept as well: entries \(plan.committed.number + 1) to \(end), which may never have been "
          + "acknowledged, and take effect now")
    }
    lines.append(
      "may be lost: every entry after \(end); the lost members were enough to acknowledge any "
        + "number of writes that no directory here has")
    for discarded in plan.discarded {
      lines.append(
        "goes: entries \(discarded.entries.lowerBound) to \(discarded.entries.upperBound) of "
          + "\(survivors[discarded.survivor].name), which were never committed")
    }
    if !plan.retired.isEmpty {
      lines.append(
        "come back as new members, with empty directories: "
          + names(plan.retired.map { ($0.name, $0.id) }))
    }
    lines.append(
      "never come back: the lost members; whatever is left of them is refused. Take care that no "
        + "majority of them ever runs: it would go on as the old store, beside this one")
    return lines
  }

  private func names(_ members: [(name: String, id: MemberID)]) -> String {
    let texts = members.map { member in
      let id = hexadecimal(member.id.number)
      return member.name.isEmpty ? id : "\(member.name) (\(id))"
    }
    return texts.joined(separator: ", ")
  }

  /// The directory to start, once it is rewritten.
  public var directory: String { salvages[plan.chosen].path }

  /// Rewrites the one directory that goes on.
  public func perform() throws(Failure) {
    do throws(StorageError) {
      try salvages[plan.chosen].goOn(
        as: incarnation, plan.founding, with: plan.entry, plan.hardState)
    } catch {
      throw Failure(sentence: error.description)
    }
  }

  /// Lets go of the directories.
  public func close() { for salvage in salvages { try? salvage.close() } }
}
