package waterspout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A mutant breaks one rule of docs/protocol.md by a small change of the source,
// which the test named must notice.
type mutant struct {
	rule, file, old, new string
	test                 string
	in                   string // the package of the test, if it is not that of file
}

const (
	ledger  = "acker/ledger.go"
	window  = "acker/window.go"
	anchor  = "internal/engine/anchor.go"
	holds   = "internal/engine/holds.go"
	coreGo  = "internal/engine/boltcore.go"
	boltGo  = "internal/engine/bolttask.go"
	emitter = "internal/engine/emitter.go"
	box     = "internal/mailbox/mailbox.go"
	park    = "internal/mailbox/park.go"

	tracker  = "internal/lowwater/tracker.go"
	failures = "internal/lowwater/failure.go"

	frames   = "internal/frame/header.go"
	sender   = "internal/link/sender.go"
	receiver = "internal/link/receiver.go"
	credit   = "internal/link/credit.go"
	acksGo   = "internal/mesh/acks.go"
	plan     = "internal/assign/plan.go"
	adopt    = "internal/worker/adopt.go"
	laneGo   = "internal/engine/lane.go"

	flight   = "internal/kafkaio/writer_partition.go"
	batches  = "internal/kafkaio/writer_batch.go"
	queue    = "internal/kafkaio/writer_queue.go"
	answers  = "internal/kafkaio/writer_answer.go"
	unpackGo = "internal/kafkaio/claim_unpack.go"
	fetchGo  = "internal/kafkaio/claim_fetch.go"

	writes = "TestPartitionKeepsOrderAndCount"
	reads  = "TestUnpack"
	model  = "TestTrackerIsTheModel"
	ghost  = "TestLedgerAgainstGhostTrees"
)

var mutants = []mutant{
	{"L1 init counted twice", ledger, "word: word, id", "word: word ^ word, id", ghost, ""},
	{"L2 late pair taken for an end", ledger, "return Ended{}, l.late(p)", "return Ended{}, Done", ghost, ""},
	{"L3 root used again", ledger, "l.next++\n\tl.open++", "l.open++", ghost, ""},
	{"L4 slot without tag", ledger, "s.root == root && root != 0", "s.root != 0", ghost, ""},
	{"L5 instance not in the root", ledger, "NewRoot(l.instance, l.next)", "NewRoot(1, l.next)", ghost, ""},
	{"L5 sequence goes back", ledger, "*s = slot{}", "l.next, *s = s.root.Sequence(), slot{}", ghost, ""},
	{"L6 taken slots not skipped", ledger, "for s.root != 0 {", "for s.root != 0 {\n\t\treturn 0, false", ghost, ""},
	{"L6 taken slots taken again", ledger, "for s.root != 0 {", "for false {", ghost, ""},
	{"L7 fail does not end", ledger, "return l.end(s), Done\n}\n\nfunc (l *Ledger) end", "return Ended{}, Pending\n}\n\nfunc (l *Ledger) end", ghost, ""},
	{"L8 lost worker fails some", ledger, "if s := &l.ring[i]; s.root != 0 {", "if s := &l.ring[i]; s.root != 0 && i > 0 {", ghost, ""},
	{"O1 no halving", window, "w.size = max(w.size/2", "w.size = max(w.size", "TestWindowEndsTheLivelock", ""},
	{"O1 halved more than once a second", window, "if now-w.halved < 1e9 {", "if false {", "TestWindow", ""},
	{"O1 no floor", window, "min(floor, w.max)", "1", "TestWindow", ""},
	{"O1 no growth", window, "w.acked += n", "w.acked += n * 0", "TestWindowGrowsBack", ""},
	{"O3 expired trees forgotten", ledger, "l.expired[s.root] = s.word", "_ = s.word", ghost, ""},
	{"O3 late taken for false", ledger, "if word ^= p.Word; word != 0 {", "if word ^= p.Word; false {", ghost, ""},
	{"O3 timeout without bound", window, "min(w.timeout+w.timeout/2, w.limit)", "w.timeout + w.timeout/2", "TestWindow", ""},
	{"O4 no age limit", ledger, "min(s.hot+idle, s.born+age)", "s.hot + idle", ghost, ""},
	{"O4 progress not counted", ledger, "\ts.hot = now\n", "", ghost, ""},

	{"E1 one edge for several anchors", anchor,
		"slot, gen := h.Slot()\n\t\tif holder != tuple.Holder(c.holds) || !c.holds.growHeld(turnOf(slot, gen), &b, &c.edges) {",
		"slot, gen := h.Slot()\n\t\tsame := c.edges\n\t\tif holder != tuple.Holder(c.holds) || !c.holds.growHeld(turnOf(slot, gen), &b, &same) {", "TestEdges", ""},
	{"E1 one edge for all targets", coreGo, "for k := range r.sinks {", "for same, k := o.core.edges, 0; k < len(r.sinks); k++ {\n\t\to.core.edges = same", "TestEdges", ""},
	{"E1 a root's second edge replaces the first", anchor, "b.links[i].Edge ^= edge", "b.links[i].Edge = edge", "TestEdges", ""},
	{"E4 moved although another follows", coreGo, "\to.core.at.only = nil\n\tif r.stage", "\tif r.stage", "TestEdges", ""},
	{"E4 moved and acked", coreGo, "a.lin.Root != 0 && !a.move()", "a.lin.Root != 0 && (a.move() || true)", "TestEdges", ""},
	{"E4 no sign of life", coreGo, "\tif c.tardy.Load() {\n\t\tc.touch(r)", "\tif false {\n\t\tc.touch(r)", "TestSlowTaskShowsLife", "cluster"},
	{"E4 no sign of life after a block", coreGo, "if end-start > c.run.silence {", "if false {", "TestBlockedTaskShowsLife", "cluster"},
	{"E4 no sign of life of the input that fills the buffer", coreGo, "if c.at.late && c.at.lin != nil {", "if false {", "TestBlockedTaskShowsLife", "cluster"},
	{"E4 moved although it was here for long", "internal/engine/anchor.go", "a.only == nil || a.late", "a.only == nil", "TestBlockedTaskShowsLife", "cluster"},
	{"E4 a tick takes no time", boltGo, "t.age.rested = false // it", "// it", "TestBlockedTaskShowsLife", "cluster"},
	{"E4 Drained takes no time", boltGo, "t.age.rested = !ready()", "t.age.rested = true", "TestDrainedTaskShowsLife", "cluster"},
	{"O4 a tree that could not leave gets older", emitter, "now-start > run.silence &&", "now < start &&", "TestBlockedTaskShowsLife", "cluster"},
	{"E2 zero edge", anchor, "w != 0 {", "true || w != 0 {", "TestZeroIsRedrawn", ""},
	{"E2 tasks with one seed", "internal/engine/run.go", "crand.Read(seed[:])", "crand.Read(seed[:0])", "TestTasksDrawDifferentEdges", ""},
	{"T1 ack word before the emits", coreGo, "Word: a.lin.Edge ^ a.word", "Word: a.lin.Edge", "TestEdges", ""},
	{"T1 emit under an acked input", holds, "if turn(h.executing.Load()) != t {\n\t\treturn false", "if false {\n\t\treturn false", "TestNothingIsEmittedUnderTheDead", ""},
	{"T1 emit under a dead held input", holds, "!h.slab.has(t) || turn(", "turn(", "TestNothingIsEmittedUnderTheDead", ""},
	{"T1 emit under one that others have acked", holds, " || turn(h.executing.Load()) == t|settled {", " {", "TestNothingIsEmittedUnderTheDead", ""},
	{"T1 outcome before Execute returns", holds, "executing&^settled == t && h.tellLocked(t, err)", "false", "TestFirstOutcomeCounts", ""},
	{"T2 second outcome counts", holds, "return turn(h.executing.Load()) == t|settled", "h.told = err\n\treturn turn(h.executing.Load()) == t|settled", "TestFirstOutcomeCounts", ""},
	{"T2 second outcome taken for a late one", holds, "return turn(h.executing.Load()) == t|settled", "return false", "TestFirstOutcomeCounts", ""},
	{"T2 outcome lost as Execute returns", holds, "h.executing.CompareAndSwap(uint64(t), 0) {", "h.executing.Swap(0) != 0 {", "TestHeldAckedInside", ""},
	{"T2 old name ends another input", holds, "case !h.slab.has(t):", "case false:", "TestStaleHeld", ""},
	{"T2 ack stays behind", holds, "fault)\n\th.publishLocked()\n", "fault)\n", "TestHeldAckedInside", ""},
	{"T3 held inputs outlive their bolt", holds, "if !vacant[slot] {", "if false {", "TestFailAll", ""},
	{"T3 a free slot fails, too", holds, "vacant[t.slot()] = true", "vacant[t.slot()] = false", "TestFailAll", ""},

	{"P1 position committed", tracker, "b := &t.batches[t.head]\n\treturn t.offset(&b.records[t.low-b.base])", "return t.position", model, ""},
	{"P1 back-off and dead letter not held", tracker, "func (t *Tracker[R]) Low() int64 {\n\tif t.low == t.high {", "func (t *Tracker[R]) Low() int64 {\n\tif t.open == 0 {", model, ""},
	{"P1 late ack of a record in back-off", tracker, "return !found || f.state == inFlight", "return !found || f.state == f.state", model, ""},
	{"P1 ended before the dead letter", failures, "found && f.state == givingUp {\n\t\tt.givingUp--\n\t\tt.end(", "found && f.state == f.state {\n\t\tt.givingUp--\n\t\tt.end(", model, ""},
	{"P4 timeouts are attempts", failures, "if kind.Counts() || kind == tuple.Rejected {", "if true {", model, ""},
	{"D1 replay after the stop", failures, "if t.stopped || len(t.backoff) == 0 || t.backoff", "if len(t.backoff) == 0 || t.backoff", model, ""},
	{"D1 new records after the stop", tracker, "if t.stopped || t.taken", "if t.taken", model, ""},

	{"park: no second look", park, "if ready() && p.state", "if false && p.state", "TestWakeBetweenLookAndSleep", ""},
	{"box: senders not woken", box, "wake := b.waiting > 0", "wake := false", "TestPutBlocksAndCloseReleases", ""},
	{"box: no bound", box, "len(b.buf) >= b.capacity }", "false }", "TestOrderAndBound", ""},
	{"box: batch not forgotten", box, "clear(spare)", "", "TestTakeForgets", ""},

	{"L1 opened under another root", emitter, "r.buf[i].Root = e.roots[k-1]", "r.buf[i].Root = e.roots[0]", "TestExhaustedSpoutsEndTheTopology", "cluster"},
	{"E3 no task, and nobody knows", coreGo, "o.core.at.fault = r.wrong(i)", "_ = r.wrong(i)", "TestGroupingThatFindsNoTask", "cluster"},
	{"E3 no task, and the held count as done", coreGo, "failHeld(also, o.core.at.fault)", "_ = also", "TestUnsentFailsTheHeld", "cluster"},
	{"E3 no choice, and the held count as done", coreGo, "failHeld(also, errHalf)", "_ = errHalf", "TestUnsentFailsTheHeld", "cluster"},
	{"E3 no task for a root", emitter, "return e.edges.next()\n}\n\n// exclusively", "return 0\n}\n\n// exclusively", "TestGroupingThatFindsNoTask", "cluster"},
	{"E3 a grouping panics for a root", "internal/engine/refusal.go", "words[len(e.words)-1] = word", "words[len(e.words)-1] = 0 * word", "TestGroupingThatPanics", "cluster"},
	{"D1 emits while draining", "internal/engine/ending.go", "if h.comp.node.Spout {\n\t\t\th.task.hurry()", "if false {\n\t\t\th.task.hurry()", "TestContextEndDrains", "cluster"},
	{"W1 acked at hand-over", "kafka/sink.go", "return s.writer.Write(ctx, (*kafkaio.Record)(&r), out.Hold())",
		"out.Hold().Ack()\n\treturn s.writer.Write(ctx, (*kafkaio.Record)(&r), out.Hold())", "TestSinkHoldsTheInputUntilTheBrokerAnswers", "kafka"},
	{"W1 acked although refused", "kafka/sink.go", "if r.Err == nil {", "if _, refused := errors.AsType[*kafkaio.RefusedError](r.Err); r.Err == nil || refused {", "TestSinkRejects", "kafka"},
	{"W1 refused, and reported as written", answers, "case refusedAll:\n\t\tp.refused()\n\t\tl.ended = l.w.end(p, -1, outcome(p.topic, err)", "case refusedAll:\n\t\tp.refused()\n\t\tl.ended = l.w.end(p, -1, error(nil)", writes, ""},
	{"W2 given up in doubt", queue, "case w.closing == nil && p.doubt:", "case false:", writes, ""},
	{"W2 an outage leaves no doubt", answers, "} else if !unwritten(err) {", "} else if false {", writes, ""},
	{"W2 a time-out taken for a refusal", "internal/kafkaio/writer_error.go", "code == sarama.ErrNotEnoughReplicas ||", "code == sarama.ErrNotEnoughReplicas || code == sarama.ErrRequestTimedOut ||", writes, ""},
	{"W2 the number of a batch in doubt is given again", flight, "if p.doubt {\n\t\tp.lost()", "if false {\n\t\tp.lost()", writes, ""},
	{"write: a batch is sent under a new number", flight, "if b.sequence < 0 {", "if true {", writes, ""},
	{"write: numbers do not go on", flight, "p.next = after(p.next, b.count())", "_ = after(p.next, b.count())", writes, ""},
	{"write: a refused number stays taken", flight, "p.next, b.sequence = b.sequence, -1", "b.sequence = -1", writes, ""},
	{"write: a lost number is used on", flight, "\tp.spoiled = true\n", "", writes, ""},
	{"write: an identity begins in the middle", flight, "p.id, p.next, p.spoiled = id, 0, false", "p.id, p.spoiled = id, false", writes, ""},
	{"write: halves change places", flight, "p.queue[0], p.queue[1] = one, two", "p.queue[0], p.queue[1] = two, one", writes, ""},
	{"write: what was sent grows", queue, "last < 0 || p.queue[last].full ||", "last < 0 ||", writes, ""},
	{"write: places in a batch", batches, "at-b.first, int64(len(b.tokens)))", "at-b.first, 0)", writes, ""},
	{"write: times in a batch", batches, "into.add(&r, b.first+at,", "into.add(&r, at,", writes, ""},
	{"write: written by another name", answers, "if v == disowned {", "if false {", writes, ""},
	{"write: a partition begins anew", "internal/kafkaio/writer_router.go", "d.partitions = d.all[:len(numbers)]", "d.all = d.all[:len(numbers)]\n\td.partitions = d.all", "TestSinkMeetsABrokerWithFewerPartitions", "kafka"},
	{"write: refused by what the client remembers", "internal/kafkaio/writer_router.go", "asked := number >= 0 && !time.Now().Before(d.again)", "asked := false", "TestRouterAsksBeforeItRefuses", ""},
	{"write: refused before the brokers are asked again", "internal/kafkaio/writer_router.go", "\t\td.putOff++\n\t\treturn err\n", "", "TestRouterAsksBeforeItRefuses", ""},
	{"read: records before the position", unpackGo, "offset >= next {", "true {", reads, ""},
	{"read: aborted records", unpackGo, "skip := aborted.covers(from) && committed", "skip := aborted.covers(from) && false", reads, ""},
	{"read: markers are records", unpackGo, "if !skip && !from.Control {", "if !skip {", reads, ""},
	{"read: the position stays behind markers", unpackGo, "out.Next = max(out.Next, from.LastOffset()+1)", "_ = from", reads, ""},
	{"read: what is not at hand is stepped over", "internal/kafkaio/claim_hollow.go", "\treturn from, nil\n", "\treturn from + 1, nil\n", "TestFetcherWaitsForBatches", ""},
	{"read: a cut batch is stepped over", fetchGo, "first.PartialTrailingRecord", "first.Control", "TestSourceAsksAgainForACutBatch", "kafka"},
	{"read: no more is asked for", fetchGo, "\tf.size *= 2\n", "", "TestFetcherGrows", ""},
	{"read: ever more is asked for", fetchGo, "\tf.size = f.conf.Consumer.Fetch.Default\n\tif len", "\tif len", "TestFetcherGrows", ""},
	{"read: the position does not move", fetchGo, "\t\tf.next = b.Next\n", "", "TestRewound", ""},
	{"read: given up although it is there", fetchGo, "if oldest <= f.next && f.next <= newest {", "if oldest > newest {", "TestSourceRefusedFetches", "kafka"},
	{"read: goes on where nobody said", fetchGo, "c.Partition, m.cfg.OutOfRange)", "c.Partition, Latest)", "TestSourceOutOfRangeWaitsForOpenTrees", "kafka"},
	{"read: of whatever leader", fetchGo, "f.size, f.epoch)", "f.size, -1)", "TestSourceFollowsLeaderEpochs", "kafka"},
	{"read: a topic that was created anew", "internal/kafkaio/claim_topic.go", "id != f.topic {", "false {", "TestSourceStartsOverInATopicCreatedAnew/shorter_than_before", "kafka"},
	{"read: the end is not looked for", fetchGo, "\t\t\tf.look()\n", "", "TestEndOfAClaimThatIsNotRead", ""},
	{"P1 the commit of another start", "kafka/ownership.go", "o.unset && offset == o.tracker.Low()", "o.unset", "TestSourceResetWhileACommitIsUnderWay", "kafka"},

	{"O1 the window is not asked", laneGo, "l.window.Expired(now)", "_ = now", "TestTimeoutsDoNotLivelock", "cluster"},

	{"K1 a frame is applied twice", receiver, "if sequence < r.expected {", "if false {", "TestLink", ""},
	{"K1 gaps are not told", receiver, "r.lost = append(r.lost, gap)", "_ = gap", "TestLink", ""},
	{"K1 checksum not compared", frames, "if le.Uint32(f[sumAt:]) != sum(f) {", "if false {", "TestHeader", ""},
	{"K2 no beats", sender, "return Beat, now + BeatEvery", "return Rest, now + BeatEvery", "TestLink", ""},
	{"K3 lost acks are not told", acksGo, "\tfor _, root := range loss.Roots {\n\t\ta.fails", "\tfor _, root := range loss.Roots[:0] {\n\t\ta.fails", "TestChaos", "internal/mesh"},
	{"K4 lost frames are not told", sender, "\t\t\tloss.add(s.slot(s.base))", "\t\t\t_ = loss", "TestLink", ""},
	{"K4 what an epoch left is not told", sender, "\t\tloss.add(s.slot(q))\n\t}\n\ts.attempt", "\t\t_ = q\n\t}\n\ts.attempt", "TestLink", ""},
	{"K4 nobody hears of the lost", "internal/mesh/mesh.go", "m.config.To.Lost(loss.Roots)", "_ = loss", "TestChaos", "internal/mesh"},
	{"K6 frames of a foreign epoch", receiver, "if epoch == 0 || epoch != r.epoch {", "if epoch == 0 {", "TestLink", ""},
	{"C1 lost bytes leak", credit, "a.received = max(a.received, position)", "a.received += uint64(bytes)", "TestLink", ""},
	{"C1 the position is not told again", "internal/mesh/data.go", "o != nil && !o.repairing {", "o != nil && false {", "TestLostWindow", "internal/mesh"},
	{"C2 credit outlives its epoch", credit, "func (c *Credit) Reset() { *c = Credit{} }", "func (c *Credit) Reset() {}", "TestLink", ""},
	{"C3 no credit needed", credit, "return c.sent < c.limit }", "return true || c.sent < c.limit }", "TestLink", ""},

	{"G1 an instance comes again", plan, "s.Placement = Placement{to, p.doc.Next}", "s.Placement = Placement{to, s.Instance + 1}", "TestWorld", ""},
	{"G2 a move without its version", plan, "\ts.Moved = p.doc.Version\n", "", "TestWorld", ""},
	{"G2 hung up before the marks", adopt, "s.passed(slot.Moved, 0) && s.site.Idle(at)", "s.site.Idle(at)", "TestTurnover", "cluster"},
	{"G2 hung up with tuples in hand", adopt, "s.passed(slot.Moved, 0) && s.site.Idle(at)", "s.passed(slot.Moved, 0)", "TestTurnover", "cluster"},
	{"L8 no word of the lost", plan, "\t\t\tp.doc.Lost = p.doc.Version", "\t\t\tp.doc.Lost += 0", "TestLostStory", ""},
	{"L8 left in haste", plan, "m.Applied >= p.old.Version &&", "true &&", "TestWorld", ""},
	{"L8 trees of a lost worker go on", laneGo, "w.expired = l.ledger.FailAll(w.expired[:0])", "w.expired = w.expired[:0]", "TestForsake", ""},
	{"G1 acks of the unknown are dropped", "internal/engine/limbo.go", "l.pairs = append(l.pairs, p)", "_ = p", "TestLimbo", "internal/engine"},
	{"G1 a moved task takes its old place", "internal/engine/tenant.go", "\tp.arrive(t.task, t.at)", "\tp.move(&spot{here: t.task, due: t.at})", "TestMovesWhileItOpens", "internal/engine"},
	{"T3 held inputs end for good", coreGo, "if c.run.opts.Abroad {", "if false {", "TestCut", "internal/engine"},
	{"T3 acks of a cut task stay behind", boltGo, "\tt.acks.flush(t.run)\n\tfor _, r := range t.routers {", "\tfor _, r := range t.routers {", "TestCut", "internal/engine"},
	{"C5 a tuple that no frame can hold", "internal/engine/route.go", "size > transport.MaxFrame/2", "size > 2*transport.MaxFrame", "TestRouteRefuses", "internal/engine"},
	{"E3 refused by a codec, and nobody knows", "internal/engine/route.go", "\t\t\ts.refuse(t, err)\n\t\t\tcontinue", "\t\t\tcontinue", "TestRouteRefuses", "internal/engine"},
	{"A1 an outage counts", "internal/assign/leases.go", "if away {", "if false && away {", "TestAway", ""},
	{"A1 nobody is ever lost", "internal/assign/leases.go", "l.at(now)-s.at < l.ttl)", "l.at(now)-s.at < 1000*l.ttl)", "TestLostAfterTTL", ""},
	{"A1 nonsense hides the revision", "internal/member/view.go", "\t\tv.leases[id] = seen{e.Revision, v.leases[id].status}\n", "", "TestNonsenseOverLease", "internal/member"},
	{"A2 the successor begins at once", plan, "\t\ts.Prev = s.Placement\n", "", "TestWorld", ""},
	{"A2 the former one is let go early", plan, "prev.Applied >= s.Moved {", "true {", "TestWorld", ""},
	{"A2 begun beside the former one", "internal/assign/document.go", "!s.Done && s.Prev == Placement{} && !d.Drain", "!s.Done && !d.Drain", "TestWorld", ""},
	{"A4 one conflict stops all", "internal/member/lead.go", "\t\t\tcontinue\n", "\t\t\treturn nil, err\n", "TestWrongJudgeOfOne", "internal/member"},
	{"L8 who gives up joining vanishes", "internal/member/member.go", "if m.depart() {", "if false {", "TestJoinEndsWhileNamed", "internal/member"},
	{"L8 who leads and gives up joining vanishes", "internal/member/loop.go", "l.leads() && !others)", "l.leads() || false && others)", "TestJoinEndsWhileTheLeaderLeaves", "internal/member"},
	{"A5 unanswered and still the leader", "internal/member/loop.go", "\tl.resign(now)\n", "", "TestUnansweredLeader", "internal/member"},
	{"A5 deaf and still the leader", "internal/member/lead.go", "!l.echo.Deaf() && !unanswered", "!unanswered", "TestDeafLeader", "internal/member"},
	{"A5 deaf for ever", "internal/member/watch.go", "if l.echo.Due() {", "if false {", "TestDeafAlone", "internal/member"},
	{"A6 lost taken for held", "internal/assign/hold.go", "case h.renewed.IsZero() || age >= TTL:\n\t\treturn Lost", "case h.renewed.IsZero():\n\t\treturn Lost\n\tcase age >= TTL:\n\t\treturn Held", "TestHold", ""},
	{"A6 no suspension", "internal/worker/doubt.go", "on = now.Sub(d.since) >= patience && !s.shared(now)", "on = false", "TestWorkerIsCutOff", "cluster"},
}

// TestMutants proves that the tests can fail, each for its rule.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles every mutant")
	}
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			out, err := m.run(t)
			switch {
			case err == nil:
				t.Errorf("%s survived %s", m.file, m.test)
			case !strings.Contains(out, "--- FAIL: "+m.test) && !strings.Contains(out, "panic: "):
				t.Errorf("the test did not run: %v\n%s", err, out)
			}
		})
	}
}

// run tests the package of m.file with the mutant in its place.
func (m mutant) run(t *testing.T) (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		t.Fatalf("%s has %q %d times: mend the mutant", m.file, m.old, n)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "-overlay", list, "-count=1", "-vet=off", "-ldflags=-s -w", "-timeout=30s", "-run", fmt.Sprintf("^%s$", m.test)}
	if m.in != "" {
		args = append(args, "./"+m.in)
	} else {
		args = append(args, "./"+filepath.Dir(m.file), "-rapid.nofailfile", "-rapid.shrinktime=1ms", "-rapid.checks=2000", "-rapid.seed=1")
	}
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", args...).CombinedOutput()
	return string(out), err
}
