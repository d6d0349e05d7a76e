package kafkaio

import (
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"pgregory.net/rapid"
)

// A log is what a partition holds: batches, some of them of transactions.
type log struct {
	sets    []*sarama.Records
	aborted []*sarama.AbortedTransaction
	end     int64
	want    []int64 // offsets that a reader of committed records gets
	all     []int64 // and of all records
}

// drawLog draws batches of up to three producers: plain, transactional, and the
// markers that end a transaction, with gaps as compaction leaves them.
func drawLog(rt *rapid.T) log {
	var l log
	type txn struct {
		first   int64
		offsets []int64
	}
	open := map[int64]*txn{}
	marker := func(p int64, abort bool) {
		key := []byte{0, 0, 0, 1}
		if abort {
			key[3] = 0
			l.aborted = append(l.aborted, &sarama.AbortedTransaction{ProducerID: p, FirstOffset: open[p].first})
		} else {
			l.want = append(l.want, open[p].offsets...)
		}
		delete(open, p)
		l.sets = append(l.sets, &sarama.Records{RecordBatch: &sarama.RecordBatch{
			FirstOffset: l.end, Control: true, IsTransactional: true, ProducerID: p, Records: []*sarama.Record{{Key: key}},
		}})
		l.end++
	}
	for range rapid.IntRange(0, 20).Draw(rt, "batches") {
		p := rapid.Int64Range(1, 3).Draw(rt, "producer")
		if open[p] != nil && rapid.Bool().Draw(rt, "end") {
			marker(p, rapid.Bool().Draw(rt, "abort"))
			continue
		}
		transactional := open[p] != nil || rapid.Bool().Draw(rt, "transactional")
		b := &sarama.RecordBatch{FirstOffset: l.end, ProducerID: p, IsTransactional: transactional, FirstTimestamp: time.UnixMilli(7), MaxTimestamp: time.UnixMilli(9)}
		if transactional && open[p] == nil {
			open[p] = &txn{first: l.end}
		}
		for range rapid.IntRange(1, 4).Draw(rt, "records") {
			l.end += rapid.Int64Range(0, 2).Draw(rt, "gap")
			b.Records = append(b.Records, &sarama.Record{OffsetDelta: l.end - b.FirstOffset, TimestampDelta: time.Millisecond, Value: []byte("v")})
			l.all = append(l.all, l.end)
			if transactional {
				open[p].offsets = append(open[p].offsets, l.end)
			} else {
				l.want = append(l.want, l.end)
			}
			l.end++
		}
		l.end += rapid.Int64Range(0, 2).Draw(rt, "tail")
		b.LastOffsetDelta = int32(l.end - 1 - b.FirstOffset)
		l.sets = append(l.sets, &sarama.Records{RecordBatch: b})
	}
	for p := range int64(4) {
		if open[p] != nil {
			marker(p, rapid.Bool().Draw(rt, "abort"))
		}
	}
	slices.Sort(l.want)
	return l
}

// What unpack makes of a fetch: each committed record once, from the offset asked
// for, and a position behind the last batch.
func TestUnpack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLog(rt)
		next := rapid.Int64Range(0, l.end).Draw(rt, "next")
		committed := rapid.Bool().Draw(rt, "committed")
		// A broker sends from the batch that has the offset on, with the
		// aborted transactions that reach into what it sends.
		sets := slices.Clone(l.sets)
		for len(sets) > 0 && sets[0].RecordBatch.LastOffset() < next {
			sets = sets[1:]
		}
		aborted := slices.Clone(l.aborted)
		if len(sets) == 0 {
			return
		}
		aborted = slices.DeleteFunc(aborted, func(a *sarama.AbortedTransaction) bool { return ends(l, a) < next })
		got, err := unpack("in", 3, next, &sarama.FetchResponseBlock{RecordsSet: sets, AbortedTransactions: aborted}, committed)
		if err != nil {
			rt.Fatal(err)
		}
		want := l.all
		if committed {
			want = l.want
		}
		want = slices.DeleteFunc(slices.Clone(want), func(o int64) bool { return o < next })
		var offsets []int64
		for _, f := range got.Records {
			r := f.Record()
			offsets = append(offsets, r.Offset)
			if r.Topic != "in" || r.Partition != 3 || !r.Time.Equal(time.UnixMilli(8)) {
				rt.Fatalf("record %+v", r)
			}
		}
		if !slices.Equal(offsets, want) || got.Next != l.end {
			rt.Fatalf("from %d: offsets %v, next %d; want %v, %d", next, offsets, got.Next, want, l.end)
		}
	})
}

// ends is the offset of the marker of an aborted transaction.
func ends(l log, a *sarama.AbortedTransaction) int64 {
	for _, s := range l.sets {
		if b := s.RecordBatch; b.Control && b.ProducerID == a.ProducerID && b.FirstOffset > a.FirstOffset {
			return b.FirstOffset
		}
	}
	return l.end
}

func TestUnpackRefusesOldFormats(t *testing.T) {
	_, err := unpack("in", 0, 0, &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{MsgSet: &sarama.MessageSet{}}}}, true)
	if err != errOldFormat {
		t.Error(err)
	}
}

// An answer without a batch moves nothing, at the end of the partition or before it.
func TestFetcherWaitsForBatches(t *testing.T) {
	conf, err := NewConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	f := newFetcher(&Claim{Start: 10, member: &Member{conf: conf}})
	for _, end := range []int64{10, 10, 13, 13, 13, 14} {
		b, err := f.read(&sarama.FetchResponseBlock{HighWaterMarkOffset: end + 5, LastStableOffset: end})
		if err != nil || len(b.Records) > 0 || b.Next != 10 || f.claim.End() != end {
			t.Fatal(b, f.claim.End(), err)
		}
	}
	unknown := hollowAnswer{} // of a sarama that does not tell
	if _, err := unknown.next(&sarama.FetchResponseBlock{}, 10, 10); err != nil {
		t.Error(err)
	}
	if next, err := unknown.next(&sarama.FetchResponseBlock{}, 10, 11); err == nil || next != 10 {
		t.Errorf("it goes on at %d without a word", next)
	}
}

// A batch that is larger than what was asked for is asked for with more, and what
// comes after it as before; one that sarama cannot take is an error.
func TestFetcherGrows(t *testing.T) {
	conf, err := NewConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newFetcher(&Claim{Start: 10, member: &Member{conf: conf}})
	read := func(block sarama.FetchResponseBlock) (Batch, error) {
		b, err := f.read(&block)
		if err == nil {
			f.next = b.Next
		}
		return b, err
	}
	for range 3 {
		if b, err := read(sarama.FetchResponseBlock{HighWaterMarkOffset: 20, Partial: true}); err != nil || b.Next != 10 || len(b.Records) > 0 {
			t.Fatal(b, err)
		}
	}
	if want := 8 * conf.Consumer.Fetch.Default; f.size != want {
		t.Errorf("asks for %d bytes, want %d", f.size, want)
	}
	whole := []*sarama.Records{{RecordBatch: &sarama.RecordBatch{FirstOffset: 10, Records: []*sarama.Record{{}}}}}
	if b, err := read(sarama.FetchResponseBlock{HighWaterMarkOffset: 20, RecordsSet: whole}); err != nil || b.Next != 11 || len(b.Records) != 1 {
		t.Error(b, err)
	}
	if f.size != conf.Consumer.Fetch.Default {
		t.Errorf("asks for %d bytes, want %d", f.size, conf.Consumer.Fetch.Default)
	}
	f.size = sarama.MaxResponseSize/2 + 1
	if _, err := read(sarama.FetchResponseBlock{HighWaterMarkOffset: 20, Partial: true}); err == nil || f.next != 11 {
		t.Errorf("at %d: %v", f.next, err)
	}
}

func TestNewConfigKeepsTheUsers(t *testing.T) {
	user := sarama.NewConfig()
	user.ClientID, user.Metadata.Retry.Max, user.Net.MaxOpenRequests = "mine", 9, 7
	before := *user
	for _, make := range []func() (*sarama.Config, error){
		func() (*sarama.Config, error) { return ReaderConfig(user, "spire-1", true) },
		func() (*sarama.Config, error) { return WriterConfig(user) },
	} {
		c, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if c == user || c.ClientID != "mine" || c.Metadata.Retry.Max != 9 || c.Metadata.AllowAutoTopicCreation {
			t.Errorf("made %+v", c.Metadata)
		}
	}
	if before.Net.MaxOpenRequests != user.Net.MaxOpenRequests || user.Consumer.Group.InstanceId != "" || user.Producer.Idempotent {
		t.Error("the user's configuration was changed")
	}
}
