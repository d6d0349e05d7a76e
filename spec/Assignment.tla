----------------------------- MODULE Assignment -----------------------------
(* The leases, the assignment document, who runs which task, and what the frames
   between tasks are addressed to.

   Modelled: a store with a lease per worker, the document and a nonce; workers
   that join, renew late or never, suspend, crash and are expelled; a document
   of which every worker hears late; tasks that end some time after their worker
   learned that they are no longer its own; the hand-over of a spout task; data
   and acks between a spout and a bolt; a store that is wiped. A worker's name
   is never used again: who comes back is another worker. Time is counted in
   seconds, and a Tick is one for everybody.

   Left out: who is the leader (any worker may write the document, which is
   changed by compare-and-set), the balance of the plan, clocks that run at
   different speeds, a worker that is stopped and then works on before it looks
   at its clock (there is the fence of the group: Ownership, P2).

   Rules that can be switched off, by putting their names in Off:
     A1    a worker that could not renew for two seconds works on
     A2    a spout task's new instance starts at once
     A2v   it waits for the former worker even when that one vanished
     A3    a spout task moves on while its former instance may still run
     A4    who was once seen three seconds late has vanished: no lease is deleted
     A5    the document is written without compare-and-set
     A6    a worker announces a revision before its former tasks have ended
     G1    frames carry their sender's revision; older ones are dropped
     G3    nobody looks at the nonce: a wiped store is taken for the same
     G3w   the first document of a nonce is written at once                  *)
EXTENDS Naturals, FiniteSets
CONSTANTS Off, Workers,
  First,        \* the workers that have joined at the beginning
  Tasks,        \* {"spout"} or {"spout","bolt"}
  Clock,        \* time passes
  Moves,        \* how many documents move tasks
  Frames, Crashes, Wipes
VARIABLES
  doc, leases, age, applied, \* the store: the document, who has a lease, how many seconds
                             \* ago it was raised, the revision that its owner announced in it
  nonce, since,              \* the store's nonce, and how many seconds ago that was made
  state, known, running,     \* the workers: their state, the document that each knows, the
                             \* instances of tasks
  late,                      \* with A4 off: who was once seen three seconds late
  net, sent, wrong,          \* frames under way, how many were sent, what went wrong with one
  made, moves, crashed       \* true identities given, documents made, crashes
store == <<doc, leases, age, applied, nonce, since>>
worker == <<state, known, running, late>>
frames == <<net, sent, wrong>>
vars == <<store, worker, frames, made, moves, crashed>>

On(rule) == rule \notin Off
Suspends == 2   \* seconds without renewal after which a worker suspends
Expires == 3    \* and after which the others take it for lost
Each(x) == [t \in Tasks |-> x]

\* Per task: at is its worker, number its instance, placed the revision that put it
\* there, prev who may still run its former instance, or 0, id the instance's true identity,
\* which is in no frame and which no wipe resets.
Empty == [revision |-> 0, nonce |-> 0, at |-> Each(0), number |-> Each(0),
          placed |-> Each(0), prev |-> Each(0), id |-> Each(0)]
Init ==
  /\ doc = [revision |-> 1, nonce |-> 1, number |-> Each(1),
            at |-> [t \in Tasks |-> IF t = "spout" THEN CHOOSE w \in First : \A v \in First : w <= v
                                    ELSE CHOOSE w \in First : \A v \in First : w >= v],
            placed |-> Each(1), prev |-> Each(0), id |-> Each(1)]
  /\ leases = First /\ age = [w \in Workers |-> 0] /\ applied = [w \in Workers |-> 0]
  /\ nonce = 1 /\ since = Expires
  /\ state = [w \in Workers |-> IF w \in First THEN "works" ELSE "new"]
  /\ known = [w \in Workers |-> Empty] /\ running = {} /\ late = {}
  /\ net = {} /\ sent = 0 /\ wrong = "nothing" /\ made = 1 /\ moves = 0 /\ crashed = 0

Up(w) == state[w] \in {"works", "suspended"}
Works(w) == state[w] = "works"
Of(w) == {i \in running : i.worker = w}
Instance(w, t) == [worker |-> w, task |-> t, number |-> known[w].number[t],
                   nonce |-> known[w].nonce, id |-> known[w].id[t]]
\* What a worker runs and, as far as it knows, should not.
Stale(w) == {i \in Of(w) : known[w].at[i.task] # w \/ i # Instance(w, i.task)}

\* Time passes for all. A worker suspends within the second in which it has to.
Tick ==
  /\ Clock
  /\ \A w \in Workers : On("A1") /\ Works(w) => age[w] < Suspends
  /\ age' = [w \in Workers |-> IF (w \in leases \/ Up(w)) /\ age[w] < Expires THEN age[w] + 1 ELSE age[w]]
  /\ since' = IF since < Expires THEN since + 1 ELSE since
  /\ UNCHANGED <<moves, doc, leases, applied, nonce, worker, frames, made, crashed>>
Suspend(w) ==
  /\ On("A1") /\ Works(w) /\ age[w] >= Suspends
  /\ state' = [state EXCEPT ![w] = "suspended"]
  /\ UNCHANGED <<moves, store, known, running, late, frames, made, crashed>>
Renew(w) ==
  /\ Up(w) /\ w \in leases /\ age[w] > 0
  /\ age' = [age EXCEPT ![w] = 0] /\ state' = [state EXCEPT ![w] = "works"]
  /\ UNCHANGED <<moves, doc, leases, applied, nonce, since, known, running, late, frames, made, crashed>>
Join(w) ==
  /\ state[w] = "new" /\ state' = [state EXCEPT ![w] = "works"] /\ leases' = leases \cup {w}
  /\ UNCHANGED <<moves, doc, age, applied, nonce, since, known, running, late, frames, made, crashed>>
\* A lease that stood still for too long is deleted, by compare-and-delete.
Expel(w) ==
  /\ w \in leases /\ age[w] >= Expires /\ \E v \in Workers \ {w} : Works(v)
  /\ IF On("A4") THEN leases' = leases \ {w} /\ UNCHANGED late
     ELSE w \notin late /\ late' = late \cup {w} /\ UNCHANGED leases
  /\ UNCHANGED <<moves, doc, age, applied, nonce, since, state, known, running, frames, made, crashed>>
Over(w) ==
  /\ Up(w) /\ state' = [state EXCEPT ![w] = "over"] /\ running' = running \ Of(w)
  /\ UNCHANGED <<moves, store, known, late, frames, made>>
Crash(w) == crashed < Crashes /\ crashed' = crashed + 1 /\ Over(w)
\* A worker whose lease is gone, since it was expelled or the store wiped, ends its
\* tasks and its name.
Leave(w) ==
  /\ w \notin leases /\ (On("G3") \/ known[w].nonce = nonce)
  /\ Over(w) /\ UNCHANGED crashed
\* The store loses everything. Who comes first makes a new nonce.
Wipe ==
  /\ nonce <= Wipes /\ nonce' = nonce + 1 /\ since' = 0
  /\ doc' = Empty /\ leases' = {} /\ applied' = [w \in Workers |-> 0]
  /\ UNCHANGED <<moves, age, worker, frames, made, crashed>>
Enter(w) ==     \* only with G3 off: a worker puts its lease back
  /\ ~On("G3") /\ Up(w) /\ w \notin leases /\ known[w].nonce < nonce
  /\ leases' = leases \cup {w} /\ age' = [age EXCEPT ![w] = 0] /\ state' = [state EXCEPT ![w] = "works"]
  /\ UNCHANGED <<moves, doc, applied, nonce, since, known, running, late, frames, made, crashed>>

\* The document. First a former instance is forgotten that has ended: its worker
\* announced the revision that moved the task, or vanished.
Members == leases \ late
Settled(d) ==
  [d EXCEPT !.prev = [t \in Tasks |->
     LET p == d.prev[t]
     IN IF p # 0 /\ (applied[p] >= d.placed[t] \/ (On("A2v") /\ p \notin Members)) THEN 0 ELSE p]]
Latest(w) == IF On("A5") THEN doc ELSE known[w]
Forget(w) ==
  LET d == Latest(w)
  IN /\ Works(w) /\ w \in leases /\ Settled(d) # d
     /\ doc' = [Settled(d) EXCEPT !.revision = @ + 1]
     /\ UNCHANGED <<moves, leases, age, applied, nonce, since, worker, frames, made, crashed>>
\* Then tasks move to any worker. A spout task whose former instance may still run
\* stays, unless its worker is gone; and then it keeps that former instance.
Plan(w) ==
  LET d == Settled(Latest(w))
      revision == d.revision + 1
      number == 1 + CHOOSE n \in {d.number[t] : t \in Tasks} : \A t \in Tasks : d.number[t] <= n
      former(t) == IF t = "bolt" \/ d.at[t] \notin Members THEN 0 ELSE d.at[t]
  IN /\ Works(w) /\ w \in leases /\ moves < Moves
     /\ d.revision = 0 /\ On("G3w") => since >= Expires
     /\ \E at \in [Tasks -> Members] :
          LET moved == {t \in Tasks : at[t] # d.at[t]}
              set(f, x) == [t \in Tasks |-> IF t \in moved THEN x ELSE f[t]]
          IN /\ moved # {} \/ Frames > 0
             /\ \A t \in moved : d.prev[t] = 0 \/ d.at[t] \notin Members \/ ~On("A3")
             /\ doc' = [revision |-> revision, nonce |-> nonce, at |-> at,
                  number |-> set(d.number, number), placed |-> set(d.placed, revision),
                  prev |-> [t \in Tasks |->
                    IF t \in moved /\ (d.prev[t] = 0 \/ ~On("A3")) THEN former(t) ELSE d.prev[t]],
                  id |-> set(d.id, made + 1)]
     /\ made' = made + 1 /\ moves' = moves + 1
     /\ UNCHANGED <<leases, age, applied, nonce, since, worker, frames, crashed>>
Learn(w) ==
  /\ Up(w) /\ w \in leases /\ doc # known[w]
  /\ known[w].revision < doc.revision \/ ~On("A5")
  /\ known' = [known EXCEPT ![w] = doc]
  /\ UNCHANGED <<moves, store, state, running, late, frames, made, crashed>>
Stop(w) ==
  /\ Up(w) /\ \E i \in Stale(w) : running' = running \ {i}
  /\ UNCHANGED <<moves, store, state, known, late, frames, made, crashed>>
Announce(w) ==
  /\ Up(w) /\ w \in leases /\ applied[w] < known[w].revision /\ (On("A6") => Stale(w) = {})
  /\ applied' = [applied EXCEPT ![w] = known[w].revision]
  /\ UNCHANGED <<moves, doc, leases, age, nonce, since, worker, frames, made, crashed>>
Start(w, t) ==
  /\ Works(w) /\ known[w].at[t] = w /\ \A i \in Of(w) : i.task # t
  /\ known[w].prev[t] = 0 \/ ~On("A2")
  /\ running' = running \cup {Instance(w, t)}
  /\ UNCHANGED <<moves, store, state, known, late, frames, made, crashed>>

\* Frames: a spout instance sends to the bolt, and the bolt acks to the root's
\* instance.
Send(i) ==
  /\ i.task = "spout" /\ Works(i.worker) /\ sent < Frames /\ sent' = sent + 1
  /\ LET k == known[i.worker]
     IN net' = net \cup {[task |-> "bolt", to |-> k.at["bolt"], number |-> k.number["bolt"],
                          nonce |-> k.nonce, revision |-> k.revision, id |-> k.id["bolt"], root |-> i]}
  /\ UNCHANGED <<moves, store, worker, wrong, made, crashed>>
Ack(f) == [task |-> "spout", to |-> f.root.worker, number |-> f.root.number, nonce |-> f.root.nonce,
           revision |-> known[f.to].revision, id |-> f.root.id, root |-> f.root]
Receive(f) ==
  LET here == {i \in running : i.worker = f.to /\ i.task = f.task}
      fits(i) == IF On("G1") THEN i.number = f.number /\ (i.nonce = f.nonce \/ ~On("G3"))
                 ELSE f.revision >= known[f.to].revision
      takers == {i \in here : fits(i)}
  IN /\ net' = (net \ {f}) \cup IF f.task = "bolt" /\ takers # {} THEN {Ack(f)} ELSE {}
     /\ wrong' = IF \E i \in takers : i.id # f.id THEN "taken"
                 ELSE IF \E i \in here \ takers : i.id = f.id THEN "dropped" ELSE wrong
     /\ UNCHANGED <<moves, store, worker, sent, made, crashed>>

Next ==
  \/ Tick \/ Wipe
  \/ \E w \in Workers :
       \/ Suspend(w) \/ Renew(w) \/ Join(w) \/ Expel(w) \/ Crash(w) \/ Leave(w) \/ Enter(w)
       \/ Forget(w) \/ Plan(w) \/ Learn(w) \/ Stop(w) \/ Announce(w) \/ \E t \in Tasks : Start(w, t)
  \/ \E i \in running : Send(i)
  \/ \E f \in net : Receive(f)
Spec == Init /\ [][Next]_vars /\ WF_vars(Tick)
  /\ \A w \in Workers :
       /\ WF_vars(Suspend(w)) /\ WF_vars(Renew(w)) /\ SF_vars(Expel(w)) /\ WF_vars(Leave(w)) /\ WF_vars(Enter(w))
       /\ SF_vars(Forget(w)) /\ WF_vars(Learn(w)) /\ WF_vars(Stop(w)) /\ WF_vars(Announce(w))
       /\ \A t \in Tasks : SF_vars(Start(w, t))

\* One instance of the spout task works at a time.
OneSpout == \A i, j \in running :
  i.task = "spout" /\ j.task = "spout" /\ Works(i.worker) /\ Works(j.worker) => i = j
\* A frame is taken by no instance but the one that it is meant for, and one that
\* reaches that instance is taken.
Addressed == wrong # "taken"
Delivered == wrong # "dropped"
\* In the end every task that is placed on a worker that has its lease runs there.
Settles == <>[](\A t \in Tasks :
  LET w == doc.at[t] IN w \in leases /\ Works(w) => \E i \in Of(w) : i.task = t /\ i.id = doc.id[t])
=============================================================================
