------------------------------- MODULE Ledger -------------------------------
(* One spout task and its ledger: the word of a tree, attempts, replays.

   Modelled: records, attempts, roots, the ring of slots; tuples, pairs and
   writes on a net that reorders at will, loses and doubles; a tree that fails
   at any moment (an explicit fail, a timeout, a loss that was told); a bolt
   task that dies with a tuple in hand; the crash of the spout's process; pairs
   of one tree that are packed into one. A random edge is a symbol of its own
   and a word the set of symbols in it, so XOR is symmetric difference and two
   edges never are equal by chance.

   Left out: links and their losses being told (Link), offsets and commits
   (Ownership), time: a timeout may come at any moment (O1 to O4).

   Rules that can be switched off, by putting their names in Off:
     L1    the opening is a message, and XORed in as often as it arrives
     L1m   the opening is a message; the first one sets the word
     L2    a pair that meets no open tree begins an entry, which may end
     L3    a replay has the root and the first edges of the former attempt
     L4    a slot does not compare the root
     L5    the instance stays the same over a crash
     L6    the spout waits for the slot of its next sequence
     L7    a failed tree stays in the ledger
     E1    one edge for all targets of an emit, and for all anchors
     E2    two bolt tasks draw equal edges
     E3    the opening covers the tuples that could be sent
     T1    the word of an input's pair is taken before its emits
     T2    an input is acked twice
     T3    nobody fails what a dying task had in hand
     W1    the writer acks when it hands over                                *)
EXTENDS Naturals, Sequences, FiniteSets
CONSTANTS Off,
  Shape,      \* "chain" a bolt with one child, "fan" with two; "all" two bolts
              \* with one child each; "join" one child anchored to two inputs
  Records, Attempts, Ring, Pending, Losses, Doubles, Crashes,
  Merge,      \* pairs of a tree may be packed into one
  Impatient   \* trees fail at any moment, or only when nothing is under way
VARIABLES att,      \* the attempts: record, root, state
  seq, instance,    \* of the next root
  ledger,           \* set of entries: root, attempt, word, whether it was opened
  net,              \* set of messages under way
  written,          \* the tuples whose write the broker confirmed
  todo,             \* the records to emit
  lost, doubled, crashed
vars == <<att, seq, instance, ledger, net, written, todo, lost, doubled, crashed>>
faults == <<lost, doubled, crashed>>

On(rule) == rule \notin Off
Xor(A, B) == (A \ B) \cup (B \ A)
Max(S) == CHOOSE x \in S : \A y \in S : y <= x
Firsts == IF Shape \in {"all", "join"} THEN {1, 2} ELSE {1}
Kids == IF Shape = "fan" THEN {1, 2} ELSE {1}
All == 1..Records

\* A tuple is named by its path: <<attempt, target>> is one of the spout's,
\* <<attempt, target, copy of the input, n>> the n-th that a bolt made of it.
FirstEdge(a, record, i) ==
  {<<IF On("L3") THEN a ELSE 100 + record, IF On("E1") \/ Shape # "all" THEN i ELSE 1>>}
KidEdge(path, anchor) ==
  {<<path[1], IF On("E2") THEN path[2] ELSE 1, path[3], path[4],
     IF On("E1") THEN anchor ELSE 1>>}
KidEdges(path) ==
  IF Shape = "join" THEN KidEdge(path, 1) \cup KidEdge(path, 2) ELSE KidEdge(path, 1)

Tuple(path) == [kind |-> "tuple", path |-> path, copy |-> 0]
Write(path) == [kind |-> "write", path |-> path, copy |-> 0]
Opening(a, root, word) == [kind |-> "open", root |-> root, word |-> word, att |-> a, copy |-> 0]
Pairs(m, word) ==    \* by: the execution, so that equal pairs of two are two
  {[kind |-> "pair", root |-> att[m.path[1]].root, word |-> word, copy |-> 0,
    by |-> m.path \o <<m.copy, n>>] : n \in IF On("T2") THEN {1} ELSE {1, 2}}

\* The truth, which no word tells: every tuple of the tree was executed at least
\* once, and that execution's children too, down to confirmed writes.
Tree(a) ==
  LET whole(i) == \E c \in 0..Doubles : \A j \in Kids : <<a, i, c, j>> \in written
  IN IF Shape = "join" THEN whole(1) ELSE \A i \in Firsts : whole(i)

Open == {a \in DOMAIN att : att[a].state = "open"}
About(m, a) == IF m.kind \in {"tuple", "write"} THEN m.path[1] = a ELSE m.root = att[a].root
UnderWay(a) == \E m \in net : About(m, a)

Slot(root) == root[2] % Ring
Taken(root) == \E e \in ledger : Slot(e.root) = Slot(root)
Following == IF On("L6") /\ \E n \in seq..(seq + Ring - 1) : ~Taken(<<instance, n>>)
         THEN CHOOSE n \in seq..(seq + Ring - 1) :
                ~Taken(<<instance, n>>) /\ \A k \in seq..(n - 1) : Taken(<<instance, k>>)
         ELSE seq

Init ==
  /\ att = <<>> /\ seq = 0 /\ instance = 1 /\ ledger = {} /\ net = {} /\ written = {}
  /\ todo = All /\ lost = 0 /\ doubled = 0 /\ crashed = 0

\* An entry has changed: at zero the tree ends.
Ended(state) == IF state = "open" THEN "done" ELSE IF state = "failed" THEN "both" ELSE state
Settle(others, e, A) ==
  IF e.word = {} /\ (e.opened \/ ~On("L2"))
  THEN ledger' = others /\ att' = [A EXCEPT ![e.att].state = Ended(@)]
  ELSE ledger' = others \cup {e} /\ att' = A

\* The spout emits a record; of its tuples one may turn out not to be sendable.
Emit(r) ==
  /\ r \in todo /\ Len(att) < Attempts /\ Cardinality(Open) < Pending
  /\ \E sent \in {Firsts} \cup IF lost < Losses /\ Shape = "all" THEN {{1}} ELSE {} :
     LET a == Len(att) + 1
         before == {b \in DOMAIN att : att[b].record = r}
         again == ~On("L3") /\ before # {}
         root == IF again THEN att[Max(before)].root ELSE <<instance, Following>>
         refused == sent # Firsts /\ On("E3")
         A == Append(att, [record |-> r, root |-> root, state |-> IF refused THEN "failed" ELSE "open"])
         opened == IF On("E3") THEN Firsts ELSE sent
         sum == IF opened = {1, 2} THEN Xor(FirstEdge(a, r, 1), FirstEdge(a, r, 2)) ELSE FirstEdge(a, r, 1)
     IN /\ ~Taken(root)
        /\ seq' = IF again THEN seq ELSE Following + 1
        /\ todo' = IF refused THEN todo ELSE todo \ {r}
        /\ lost' = IF sent = Firsts THEN lost ELSE lost + 1
        /\ IF refused \/ ~On("L1") \/ ~On("L1m")
           THEN att' = A /\ UNCHANGED ledger
           ELSE Settle(ledger, [root |-> root, att |-> a, word |-> sum, opened |-> TRUE], A)
        /\ net' = net \cup {Tuple(<<a, i>>) : i \in sent}
                      \cup IF (On("L1") /\ On("L1m")) \/ refused THEN {} ELSE {Opening(a, root, sum)}
  /\ UNCHANGED <<instance, written, doubled, crashed>>

Gone(m) == net \ {m}

Opened(m) ==    \* only with L1 or L1m off
  /\ m.kind = "open" /\ net' = Gone(m)
  /\ LET same == {e \in ledger : e.root = m.root}
         others == {e \in ledger : Slot(e.root) # Slot(m.root)}
     IN IF same = {}
        THEN Settle(others, [root |-> m.root, att |-> m.att, word |-> m.word, opened |-> TRUE], att)
        ELSE LET e == CHOOSE e \in same : TRUE IN
             IF e.opened /\ ~On("L1m") THEN UNCHANGED <<ledger, att>>
             ELSE Settle(others, [e EXCEPT !.word = Xor(@, m.word), !.opened = TRUE], att)
  /\ UNCHANGED <<seq, instance, written, todo, faults>>

Pair(m) ==
  /\ m.kind = "pair" /\ net' = Gone(m)
  /\ LET there == {e \in ledger : Slot(e.root) = Slot(m.root)}
         of == {a \in DOMAIN att : att[a].root = m.root}
     IN IF there = {}
        THEN IF On("L2") THEN UNCHANGED <<ledger, att>>
             ELSE Settle(ledger, [root |-> m.root, att |-> Max(of), word |-> m.word, opened |-> FALSE], att)
        ELSE LET e == CHOOSE e \in there : TRUE IN
             IF On("L4") /\ e.root # m.root THEN UNCHANGED <<ledger, att>>
             ELSE Settle(ledger \ there, [e EXCEPT !.word = Xor(@, m.word)], att)
  /\ UNCHANGED <<seq, instance, written, todo, faults>>

Taking(a, i) == FirstEdge(a, att[a].record, i)
Execute(m) ==
  /\ m.kind = "tuple" /\ Len(m.path) = 2 /\ Shape # "join"
  /\ LET kids == {<<m.path[1], m.path[2], m.copy, j>> : j \in Kids}
         made == IF On("T1") THEN UNION {KidEdges(k) : k \in kids} ELSE {}
     IN net' = Gone(m) \cup {Tuple(k) : k \in kids}
                       \cup Pairs(m, Xor(Taking(m.path[1], m.path[2]), made))
  /\ UNCHANGED <<att, seq, instance, ledger, written, todo, faults>>

Join(m, n) ==
  /\ Shape = "join" /\ m.kind = "tuple" /\ n.kind = "tuple"
  /\ Len(m.path) = 2 /\ Len(n.path) = 2 /\ m.path[1] = n.path[1] /\ m.path[2] = 1 /\ n.path[2] = 2
  /\ LET a == m.path[1]  kid == <<a, 1, m.copy, 1>>
     IN net' = (net \ {m, n}) \cup {Tuple(kid)}
                 \cup Pairs(m, Xor(Taking(a, 1), KidEdge(kid, 1)))
                 \cup Pairs(n, Xor(Taking(a, 2), KidEdge(kid, 2)))
  /\ UNCHANGED <<att, seq, instance, ledger, written, todo, faults>>

\* The writer's bolt: with W1 its pair follows the broker's answer.
WriteOut(m) ==
  /\ m.kind = "tuple" /\ Len(m.path) = 4
  /\ net' = Gone(m) \cup Pairs(m, KidEdges(m.path)) \cup IF On("W1") THEN {} ELSE {Write(m.path)}
  /\ written' = IF On("W1") THEN written \cup {m.path} ELSE written
  /\ UNCHANGED <<att, seq, instance, ledger, todo, faults>>
Confirm(m) ==    \* only with W1 off
  /\ m.kind = "write" /\ net' = Gone(m) /\ written' = written \cup {m.path}
  /\ UNCHANGED <<att, seq, instance, ledger, todo, faults>>

Failing(a) ==
  /\ att' = [att EXCEPT ![a].state = "failed"]
  /\ todo' = todo \cup {att[a].record}
  /\ ledger' = IF On("L7") THEN {e \in ledger : e.att # a} ELSE ledger
Fail(a) ==
  /\ a \in Open /\ (Impatient \/ ~UnderWay(a)) /\ Failing(a)
  /\ UNCHANGED <<seq, instance, net, written, faults>>

TaskDies(m) ==
  /\ crashed < Crashes /\ crashed' = crashed + 1
  /\ m.kind = "tuple" /\ net' = Gone(m)
  /\ IF On("T3") /\ m.path[1] \in Open THEN Failing(m.path[1]) ELSE UNCHANGED <<att, todo, ledger>>
  /\ UNCHANGED <<seq, instance, written, lost, doubled>>
SpoutDies ==     \* nothing was committed: its successor emits everything again
  /\ crashed < Crashes /\ crashed' = crashed + 1
  /\ instance' = IF On("L5") THEN instance + 1 ELSE instance
  /\ seq' = 0 /\ ledger' = {} /\ todo' = All
  /\ att' = [a \in DOMAIN att |-> IF a \in Open THEN [att[a] EXCEPT !.state = "gone"] ELSE att[a]]
  /\ UNCHANGED <<net, written, lost, doubled>>
Lose(m) ==
  /\ lost < Losses /\ lost' = lost + 1 /\ net' = Gone(m)
  /\ UNCHANGED <<att, seq, instance, ledger, written, todo, doubled, crashed>>
Double(m) ==
  /\ doubled < Doubles /\ doubled' = doubled + 1
  /\ net' = net \cup {[m EXCEPT !.copy = doubled + 1]}
  /\ UNCHANGED <<att, seq, instance, ledger, written, todo, lost, crashed>>
Pack(p, q) ==
  /\ Merge /\ p # q /\ p.kind = "pair" /\ q.kind = "pair" /\ p.root = q.root
  /\ net' = (net \ {p, q}) \cup {[p EXCEPT !.word = Xor(p.word, q.word)]}
  /\ UNCHANGED <<att, seq, instance, ledger, written, todo, faults>>

Work ==
  \/ \E r \in All : Emit(r)
  \/ \E a \in DOMAIN att : Fail(a)
  \/ \E m \in net : Opened(m) \/ Pair(m) \/ Execute(m) \/ WriteOut(m) \/ Confirm(m)
  \/ \E m, n \in net : Join(m, n)
Next == Work \/ SpoutDies \/ (\E m \in net : TaskDies(m) \/ Lose(m) \/ Double(m))
             \/ (\E p, q \in net : Pack(p, q))
Spec == Init /\ [][Next]_vars /\ WF_vars(Work)

\* A tree that ended as done was processed whole, in this very attempt; and so
\* was, in some attempt, the record of every tree that ended as done.
Done(a) == att[a].state \in {"done", "both"}
WholeTree == \A a \in DOMAIN att : Done(a) => Tree(a)
WholeRecord == \A a \in DOMAIN att : Done(a) =>
                 \E b \in DOMAIN att : att[b].record = att[a].record /\ Tree(b)
OneEnd == \A a \in DOMAIN att : att[a].state # "both"
\* Where nothing was lost and nothing doubled, an open tree has something under
\* way: it does not wait for its timeout.
NoStall == lost = 0 /\ doubled = 0 => \A a \in Open : UnderWay(a)
\* Fewer open trees than max pending: the next one has a slot.
Room == Cardinality(Open) < Pending => ~Taken(<<instance, Following>>)
Finishes == <>(\A r \in All : \E a \in DOMAIN att : att[a].record = r /\ Done(a))
=============================================================================
