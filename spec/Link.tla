-------------------------------- MODULE Link --------------------------------
(* One link, from a sending worker to a receiver, and what becomes of its frames.

   Modelled: hello and offer, epochs, sequences, gaps, beats, reports, release,
   absolute credit, the receiver's inbox; a net that loses and doubles frames,
   delivers those of dead epochs at any time, and those of one epoch in order or,
   with Reorder, at will; the sender that begins anew at any
   moment; the receiver that crashes with its inbox, which the sender is told by
   the membership some time later. One report is under way at a time: a newer
   one takes its place, so reports are late, lost and heard twice. Lane "data"
   has credit, and what is lost fails at the sender's ledgers; lane "ack" has
   none, and what is lost is told again, as a failure of its root.

   Left out: several senders to one task (Flow: C4), what is in a frame (Ledger),
   checksums (a bad one is a lost frame), C5, a finish before leaving (G2).

   Rules that can be switched off, by putting their names in Off:
     K1e  frames of another epoch than the receiver's are taken too
     K1s  frames of a sequence that was passed already are taken too
     K2   a sender does not beat
     K3   lost acks are not told again
     K4   the sender keeps nothing of what it sent
     K6   the sender's number alone is the epoch: the receiver adopts what it sees
     L8   a lost worker fails only what was not released
     C1   credit is "one more", said once
     C2   a new epoch's credit does not count what is queued of former ones     *)
EXTENDS Naturals, Sequences, FiniteSets
CONSTANTS Off, Lane, Frames, Window,
  Tries,      \* how often the sender may begin anew without need
  Reorder,    \* frames of one epoch overtake each other
  Losses, Doubles, Crashes
VARIABLES
  todo, told,               \* what is to send; what failed at its ledgers
  try, epoch, sent, credit, \* the sender's: its hello, the epoch, last sequence, may send up to
  kept,                     \* the sender's unreleased frames: sequence, what
  net, report, grants,      \* under way: frames, the report, and with C1 off grants
  current, expected, gaps,  \* the receiver's: epoch, next sequence, lost ones
  inbox, taken, done,       \* queued; how often each was taken in; consumed
  offers,                   \* how many epochs were offered: an offer's number is random in truth
  down,                     \* the receiver crashed and the sender does not know yet
  lost, doubled, crashed, renewed
sender == <<todo, told, try, epoch, sent, credit, kept>>
receiver == <<current, expected, gaps, inbox, taken, done, offers>>
faults == <<lost, doubled, crashed, renewed>>
vars == <<sender, net, report, grants, receiver, down, faults>>

On(rule) == rule \notin Off
None == <<0, 0>>
All == 1..Frames
Keeps == IF Lane = "ack" THEN On("K3") ELSE On("K4")
Min(S) == CHOOSE x \in S : \A y \in S : x <= y
Larger(a, b) == IF a > b THEN a ELSE b
Frame(kind, e, q, what) == [kind |-> kind, epoch |-> e, seq |-> q, what |-> what]

Init ==
  /\ todo = All /\ told = {} /\ try = 1 /\ epoch = (IF On("K6") THEN None ELSE <<1, 0>>)
  /\ sent = 0 /\ credit = 0 /\ kept = {} /\ net = {} /\ report = <<>> /\ grants = 0
  /\ current = None /\ expected = 1 /\ gaps = {} /\ inbox = <<>>
  /\ taken = [f \in All |-> 0] /\ done = {} /\ offers = 0 /\ down = FALSE
  /\ lost = 0 /\ doubled = 0 /\ crashed = 0 /\ renewed = 0

\* The sender.
Hello ==    \* repeated until it was answered
  /\ credit = 0 /\ sent = 0 /\ (epoch = None \/ ~On("K6"))
  /\ Frame("hello", <<try, 0>>, 0, 0) \notin net
  /\ net' = net \cup {Frame("hello", <<try, 0>>, 0, 0)}
  /\ UNCHANGED <<sender, report, grants, receiver, down, faults>>
Send ==
  /\ todo # {} /\ epoch # None /\ (Lane = "ack" \/ sent < credit)
  /\ LET f == Min(todo)
     IN /\ todo' = todo \ {f} /\ sent' = sent + 1
        /\ kept' = kept \cup {<<sent + 1, f>>}
        /\ net' = net \cup {Frame("data", epoch, sent + 1, f)}
  /\ UNCHANGED <<told, try, epoch, credit, report, grants, receiver, down, faults>>
Beat ==     \* an idle lane repeats its last sequence
  /\ On("K2") /\ kept # {} /\ \A m \in net : m.epoch # epoch
  /\ net' = net \cup {Frame("beat", epoch, sent, 0)}
  /\ UNCHANGED <<sender, report, grants, receiver, down, faults>>
\* Frames are known to be lost: their trees fail, or the acks are told again.
Tell(fs) ==
  IF ~Keeps THEN UNCHANGED <<todo, told>>
  ELSE IF Lane = "ack" THEN todo' = todo \cup fs /\ UNCHANGED told
  ELSE told' = told \cup fs /\ UNCHANGED todo
Whats(K) == {k[2] : k \in K}
Anew(fs) ==
  /\ Tell(fs) /\ kept' = {} /\ try' = try + 1 /\ sent' = 0 /\ credit' = 0
  /\ epoch' = IF On("K6") THEN None ELSE <<try + 1, 0>>
  /\ grants' = 0
  /\ UNCHANGED <<net, report, receiver>>
Reconnect ==
  /\ renewed < Tries /\ renewed' = renewed + 1 /\ epoch # None /\ Anew(Whats(kept))
  /\ UNCHANGED <<down, lost, doubled, crashed>>
Notice ==   \* the membership says that the receiver is lost
  /\ down /\ down' = FALSE /\ Anew(IF On("L8") THEN All \ todo ELSE Whats(kept))
  /\ UNCHANGED faults
Hear ==
  /\ report # <<>>
  /\ LET r == report[1]
         first == epoch = None /\ r.epoch[1] = try
         gone == {k \in kept : k[1] \in r.gaps}
     IN /\ first \/ r.epoch = epoch
        /\ first \/ (r.credit > credit /\ (On("C1") \/ credit = 0)) \/ \E k \in kept : k[1] < r.expected
        /\ epoch' = r.epoch
        /\ credit' = IF first \/ On("C1") \/ credit = 0 THEN Larger(r.credit, credit) ELSE credit
        /\ Tell(Whats(gone))
        /\ kept' = {k \in kept : k[1] >= r.expected}
  /\ UNCHANGED <<try, sent, net, report, grants, receiver, down, faults>>
HearGrant ==    \* only with C1 off
  /\ grants > 0 /\ grants' = grants - 1 /\ credit' = credit + 1
  /\ UNCHANGED <<todo, told, try, epoch, sent, kept, net, report, receiver, down, faults>>

\* The receiver.
Begin(e) ==
  /\ current' = e /\ expected' = 1 /\ gaps' = {}
InOrder(m) == \A n \in net \ {m} : n.epoch = m.epoch =>
                n.seq > m.seq \/ (n.seq = m.seq /\ n.kind = "beat")
Arrive(m) ==
  /\ Reorder \/ InOrder(m)
  /\ \/ net' = net \ {m} /\ UNCHANGED doubled
     \/ doubled < Doubles /\ doubled' = doubled + 1 /\ UNCHANGED net
  /\ IF m.kind = "hello"
     THEN /\ IF m.epoch[1] > current[1]
             THEN /\ Begin(IF On("K6") THEN <<m.epoch[1], offers + 1>> ELSE m.epoch)
                  /\ offers' = IF On("K6") THEN offers + 1 ELSE offers
             ELSE UNCHANGED <<current, expected, gaps, offers>>
          /\ UNCHANGED <<inbox, taken>>
     ELSE LET adopted == ~On("K6") /\ m.epoch[1] > current[1]
              mine == m.epoch = current \/ adopted
              from == IF adopted THEN 1 ELSE expected
              \* a beat says that all up to its sequence were sent
              before == IF m.kind = "beat" THEN m.seq ELSE m.seq - 1
              take == m.kind = "data" /\ IF mine THEN m.seq >= from \/ ~On("K1s") ELSE ~On("K1e")
          IN /\ current' = IF mine THEN m.epoch ELSE current
             /\ gaps' = IF mine THEN (IF adopted THEN {} ELSE gaps) \cup from..before ELSE gaps
             /\ expected' = IF mine THEN Larger(from, m.seq + 1) ELSE expected
             /\ inbox' = IF take THEN Append(inbox, <<m.epoch, m.what>>) ELSE inbox
             /\ taken' = IF take THEN [taken EXCEPT ![m.what] = @ + 1] ELSE taken
             /\ UNCHANGED offers
  /\ UNCHANGED <<sender, report, grants, done, down, lost, crashed, renewed>>
Consume ==
  /\ inbox # <<>> /\ inbox' = Tail(inbox) /\ done' = done \cup {Head(inbox)[2]}
  /\ grants' = IF On("C1") \/ Head(inbox)[1] # epoch THEN grants ELSE grants + 1
  /\ UNCHANGED <<sender, net, report, current, expected, gaps, taken, offers, down, faults>>
Queued == IF On("C2") THEN Len(inbox) ELSE Cardinality({i \in DOMAIN inbox : inbox[i][1] = current})
Report ==   \* absolute, and repeated
  /\ current # None
  /\ report' = <<[epoch |-> current, expected |-> expected, gaps |-> gaps,
                 credit |-> expected - 1 + IF Queued > Window THEN 0 ELSE Window - Queued]>>
  /\ report' # report
  /\ UNCHANGED <<sender, net, grants, receiver, down, faults>>
Crash ==
  /\ crashed < Crashes /\ crashed' = crashed + 1 /\ down' = TRUE /\ Lane = "data"
  /\ current' = None /\ expected' = 1 /\ gaps' = {} /\ inbox' = <<>> /\ report' = <<>>
  /\ UNCHANGED <<sender, net, grants, taken, done, offers, lost, doubled, renewed>>

Lose ==
  /\ lost < Losses /\ lost' = lost + 1
  /\ \/ \E m \in net : net' = net \ {m} /\ UNCHANGED <<report, grants>>
     \/ report # <<>> /\ report' = <<>> /\ UNCHANGED <<net, grants>>
     \/ grants > 0 /\ grants' = grants - 1 /\ UNCHANGED <<net, report>>
  /\ UNCHANGED <<sender, receiver, down, doubled, crashed, renewed>>

Deliver == \E m \in net : Arrive(m)
Next == Hello \/ Send \/ Beat \/ Reconnect \/ Notice \/ Hear \/ HearGrant
          \/ Deliver \/ Consume \/ Report \/ Crash \/ Lose
Spec == Init /\ [][Next]_vars /\ WF_vars(Hello) /\ WF_vars(Send) /\ WF_vars(Beat) /\ WF_vars(Notice)
          /\ WF_vars(Hear) /\ WF_vars(HearGrant) /\ WF_vars(Deliver) /\ WF_vars(Consume) /\ WF_vars(Report)

\* The inbox never holds more than its capacity.
Bounded == Lane = "data" => Len(inbox) <= Window
\* A frame is taken in once at most.
Once == Lane = "data" => \A f \in All : taken[f] <= 1
\* Every frame is consumed or its trees are told: nothing waits for a timeout.
Told == <>(\A f \in All : f \in done \cup told)
\* Everything is sent: credit never leaks for good.
Flows == <>(todo = {})
=============================================================================
