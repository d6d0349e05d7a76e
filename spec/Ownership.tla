------------------------------ MODULE Ownership ------------------------------
(* One partition, the members of a consumer group, and what they commit.

   Modelled: two members; the group's generation, which may change at any moment
   and of which a member hears late (until then it goes on as a zombie);
   ownerships, also a second one of the same member; trees that end late, well
   or badly; back-off, replays, the dead letter; commits under way and their
   answers; drain with and without deadline.

   Left out: how a tree ends (Ledger, Link), the group's own protocol, offsets
   that hold no record, the second that a revoked partition's back-off gets.

   Rules that can be switched off, by putting their names in Off:
     P1m   the highest acked offset is committed
     P1b   what is in back-off counts as finished
     P1d   what is being written to the dead letter counts as finished
     P2    the broker takes commits of former generations
     P3b   back-off survives the end of the ownership
     P3l   late acks and fails count for the ownership of now
     D1    failed records are replayed while draining
     D3d   a drain has no deadline
     D3w   the member leaves without waiting for its commit's answer           *)
EXTENDS Naturals, FiniteSets
CONSTANTS Off, Records, Generations,
  Failures,     \* how many trees fail; 0 for no bound
  Drain,        \* members may be told to drain
  DeadLetter,   \* a failed record may go to the dead letter instead of being replayed
  Hangs         \* a tree need not end
VARIABLES
  generation, owner, committed,   \* the broker's
  written, buried,                \* records whose outputs, or dead letter, were confirmed
  member,                         \* what each member knows
  trees,                          \* open ones, and ends that are on their way
  commits,                        \* on their way to the broker
  failures, foreign               \* foreign: something was emitted for a partition known to be lost
vars == <<generation, owner, committed, written, buried, member, trees, commits, failures, foreign>>

On(rule) == rule \notin Off
Members == {1, 2}
Max(S) == CHOOSE x \in S : \A y \in S : y <= x
Min(S) == CHOOSE x \in S : \A y \in S : x <= y

\* ownership counts a member's assignments; owns is whether it has one now.
Fresh == [generation |-> 0, owns |-> FALSE, ownership |-> 0, position |-> 0, acked |-> {},
          flying |-> {}, backoff |-> {}, burying |-> {}, draining |-> FALSE,
          left |-> FALSE, mark |-> 0]
Init ==
  /\ generation = 1 /\ owner = 1 /\ committed = 0 /\ written = {} /\ buried = {}
  /\ member = [m \in Members |-> Fresh] /\ trees = {} /\ commits = {}
  /\ failures = 0 /\ foreign = FALSE

Rebalance ==
  /\ generation < Generations /\ generation' = generation + 1
  /\ \E m \in Members : ~member[m].left /\ owner' = m
  /\ UNCHANGED <<committed, written, buried, member, trees, commits, failures, foreign>>
Learn(m) ==
  /\ member[m].generation < generation /\ ~member[m].left
  /\ LET was == member[m]
         now == [Fresh EXCEPT !.generation = generation, !.ownership = was.ownership,
                   !.draining = was.draining, !.backoff = IF On("P3b") THEN {} ELSE was.backoff]
     IN member' = [member EXCEPT ![m] =
          IF owner = m THEN [now EXCEPT !.owns = TRUE, !.ownership = @ + 1, !.position = committed]
          ELSE now]
  /\ UNCHANGED <<generation, owner, committed, written, buried, trees, commits, failures, foreign>>

Tree(m, o) == [member |-> m, offset |-> o, ownership |-> member[m].ownership, state |-> "open"]
Emit(m) ==
  /\ member[m].owns /\ ~member[m].draining /\ ~member[m].left /\ member[m].position < Records
  /\ LET o == member[m].position
     IN /\ trees' = trees \cup {Tree(m, o)}
        /\ member' = [member EXCEPT ![m].position = o + 1, ![m].flying = @ \cup {o}]
  /\ UNCHANGED <<generation, owner, committed, written, buried, commits, failures, foreign>>
Replay(m) ==
  /\ ~member[m].left /\ (~member[m].draining \/ ~On("D1"))
  /\ \E o \in member[m].backoff :
       /\ trees' = trees \cup {Tree(m, o)}
       /\ member' = [member EXCEPT ![m].backoff = @ \ {o}, ![m].flying = @ \cup {o}]
  /\ foreign' = (foreign \/ ~member[m].owns)
  /\ UNCHANGED <<generation, owner, committed, written, buried, commits, failures>>

End(t) ==
  /\ t.state = "open"
  /\ \/ /\ trees' = (trees \ {t}) \cup {[t EXCEPT !.state = "acked"]}
        /\ written' = written \cup {t.offset} /\ UNCHANGED failures
     \/ /\ Failures = 0 \/ failures < Failures
        /\ failures' = IF Failures = 0 THEN 0 ELSE failures + 1
        /\ trees' = (trees \ {t}) \cup {[t EXCEPT !.state = "failed"]} /\ UNCHANGED written
  /\ UNCHANGED <<generation, owner, committed, buried, member, commits, foreign>>
Ended(t) ==
  /\ t.state # "open" /\ trees' = trees \ {t}
  /\ LET m == t.member  o == t.offset
         mine == ~member[m].left /\ (~On("P3l") \/ (member[m].owns /\ t.ownership = member[m].ownership))
     IN IF ~mine THEN UNCHANGED member
        ELSE IF t.state = "acked"
        THEN member' = [member EXCEPT ![m].flying = @ \ {o}, ![m].backoff = @ \ {o}, ![m].acked = @ \cup {o}]
        ELSE \/ member' = [member EXCEPT ![m].flying = @ \ {o}, ![m].backoff = @ \cup {o}]
             \/ DeadLetter /\ member' = [member EXCEPT ![m].flying = @ \ {o}, ![m].burying = @ \cup {o}]
  /\ UNCHANGED <<generation, owner, committed, written, buried, commits, failures, foreign>>
Buried(m) ==
  /\ \E o \in member[m].burying :
       /\ member' = [member EXCEPT ![m].burying = @ \ {o}]
       /\ buried' = buried \cup {o}
  /\ UNCHANGED <<generation, owner, committed, written, trees, commits, failures, foreign>>

Unfinished(m) == member[m].flying
  \cup (IF On("P1b") THEN member[m].backoff ELSE {})
  \cup (IF On("P1d") THEN member[m].burying ELSE {})
LowWater(m) ==
  IF ~On("P1m") THEN IF member[m].acked = {} THEN 0 ELSE Max(member[m].acked) + 1
  ELSE Min(Unfinished(m) \cup {member[m].position})
Request(m) == [member |-> m, generation |-> member[m].generation, offset |-> LowWater(m)]
Commit(m) ==
  /\ member[m].owns /\ ~member[m].left /\ LowWater(m) # committed
  /\ Request(m) \notin commits /\ commits' = commits \cup {Request(m)}
  /\ UNCHANGED <<generation, owner, committed, written, buried, member, trees, failures, foreign>>
\* A member's commits arrive in order. One of a former generation is refused, and
\* so is one of a member that has left.
Accept(c) ==
  /\ \A d \in commits : d.member = c.member /\ d.generation = c.generation => c.offset <= d.offset
  /\ commits' = commits \ {c}
  /\ committed' = IF (c.generation = generation \/ ~On("P2")) /\ ~member[c.member].left
                  THEN c.offset ELSE committed
  /\ UNCHANGED <<generation, owner, written, buried, member, trees, failures, foreign>>

BeginDrain(m) ==
  /\ Drain /\ member[m].owns /\ ~member[m].draining
  /\ member' = [member EXCEPT ![m].draining = TRUE]
  /\ UNCHANGED <<generation, owner, committed, written, buried, trees, commits, failures, foreign>>
\* mark: what was finished when it left, if it was still the owner.
Leave(m) ==
  /\ member[m].draining /\ ~member[m].left
  /\ \/ ~member[m].owns
     \/ On("D3d")
     \/ member[m].flying = {} /\ member[m].burying = {} /\ (On("D1") \/ member[m].backoff = {})
  /\ On("D3w") /\ member[m].owns /\ member[m].generation = generation => committed = LowWater(m)
  /\ member' = [member EXCEPT ![m].left = TRUE,
       ![m].mark = IF member[m].owns /\ member[m].generation = generation THEN LowWater(m) ELSE 0]
  /\ UNCHANGED <<generation, owner, committed, written, buried, trees, commits, failures, foreign>>

Next ==
  \/ Rebalance
  \/ \E m \in Members : Learn(m) \/ Emit(m) \/ Replay(m) \/ Buried(m) \/ Commit(m) \/ BeginDrain(m) \/ Leave(m)
  \/ \E t \in trees : End(t) \/ Ended(t)
  \/ \E c \in commits : Accept(c)
Spec == Init /\ [][Next]_vars
  /\ WF_vars(\E t \in trees : (~Hangs /\ End(t)) \/ Ended(t)) /\ WF_vars(\E c \in commits : Accept(c))
  /\ \A m \in Members : WF_vars(Learn(m)) /\ WF_vars(Replay(m)) /\ WF_vars(Buried(m)) /\ WF_vars(Leave(m))
                          /\ WF_vars(member[m].draining /\ Commit(m))

\* What is committed was written, or is in the dead letter.
NoLoss == \A o \in 0..(committed - 1) : o \in written \cup buried
\* Nothing is emitted for a partition that is known to be another's.
NoForeign == ~foreign
\* A member that left had its finished records committed.
NoneTwice == \A m \in Members : member[m].mark <= committed
\* The committed offset never goes back.
Forward == [][committed' >= committed]_vars
Drains == \A m \in Members : member[m].draining ~> member[m].left
=============================================================================
