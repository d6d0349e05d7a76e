-------------------------------- MODULE Flow --------------------------------
(* Credit from task to task: four stages that zig-zag over two workers.

     spouts 1 and 2 on worker 1 -> task 3 on worker 2 -> task 4 on worker 1
       -> task 5 on worker 2, which ends a record

   Modelled: credit of a receiver per sender, inboxes, tasks that take an input
   only when they have credit for its output.

   Left out: everything a frame can meet on its way (Link).

   Rules that can be switched off, by putting their names in Off:
     C3   one inbox per worker instead of one per task
     C4   a receiver grants each sender its whole capacity                   *)
EXTENDS Naturals, Sequences
CONSTANTS Off, Records, Capacity
VARIABLES emitted, inbox, room, ended
vars == <<emitted, inbox, room, ended>>

On(rule) == rule \notin Off
Spouts == {1, 2}
Senders == 1..4
To(s) == IF s \in Spouts THEN 3 ELSE s + 1
Box(t) == IF On("C3") THEN t ELSE IF t = 4 THEN 1 ELSE 2
Boxes == {Box(t) : t \in 3..5}
ToBox(b) == {s \in Senders : Box(To(s)) = b}

Init ==
  /\ emitted = 0 /\ ended = 0 /\ inbox = [b \in Boxes |-> <<>>]
  /\ room = [s \in Senders |-> 0]       \* credit not yet used

RECURSIVE Sum(_)
Sum(S) == IF S = {} THEN 0 ELSE LET s == CHOOSE s \in S : TRUE IN room[s] + Sum(S \ {s})
\* A sender that wants to send gets one more, if there is space that nobody else
\* was granted.
Wants(s) == IF s \in Spouts THEN emitted < Records
            ELSE inbox[Box(s)] # <<>> /\ Head(inbox[Box(s)]) = s
Grant(s) ==
  /\ Wants(s) /\ room[s] = 0
  /\ Len(inbox[Box(To(s))]) + (IF On("C4") THEN Sum(ToBox(Box(To(s)))) ELSE room[s]) < Capacity
  /\ room' = [room EXCEPT ![s] = @ + 1]
  /\ UNCHANGED <<emitted, inbox, ended>>
Pass(s, boxes) ==
  /\ room[s] > 0 /\ room' = [room EXCEPT ![s] = @ - 1]
  /\ inbox' = [boxes EXCEPT ![Box(To(s))] = Append(@, To(s))]
Emit(s) ==
  /\ s \in Spouts /\ emitted < Records /\ emitted' = emitted + 1
  /\ Pass(s, inbox) /\ UNCHANGED ended
Execute(b) ==
  /\ inbox[b] # <<>>
  /\ LET t == Head(inbox[b])  rest == [inbox EXCEPT ![b] = Tail(@)]
     IN IF t = 5 THEN inbox' = rest /\ ended' = ended + 1 /\ UNCHANGED room
        ELSE Pass(t, rest) /\ UNCHANGED ended
  /\ UNCHANGED emitted

Work == (\E s \in Senders : Grant(s)) \/ (\E s \in Spouts : Emit(s)) \/ (\E b \in Boxes : Execute(b))
Spec == Init /\ [][Work]_vars /\ WF_vars(Work)

Bounded == \A b \in Boxes : Len(inbox[b]) <= Capacity
Drains == <>(ended = Records)
=============================================================================
