package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestBadReport: a report that cannot be read hides no other one, and is named.
func TestBadReport(t *testing.T) {
	net := inproc.New()
	conn, err := net.Open(t.Context(), "x", "x")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	store, err := conn.Store(t.Context(), "test-stats")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{
		{"aaaa.w-1", `{"worker":"w-1","topology":"test","fingerprint":"aaaa","uptime":5}`},
		{"aaaa.w-2", `{"worker":"w-2","topology":"test","fingerprint":"aaaa","uptime":"long"}`},
		{"bbbb.w-3", `{"worker":"w-3","topology":"test","fingerprint":"bbbb","components":{}}`},
		{"cccc.w-4", `{"worker":"w-4","topology":"test","fingerprint":"cccc","uptime":7}`},
	} {
		if _, err := store.Put(t.Context(), r[0], []byte(r[1]), 0); err != nil {
			t.Fatal(err)
		}
	}
	all, err := cluster.ReadStats(t.Context(), net, "test")
	var read []string
	for _, s := range all {
		read = append(read, s.Fingerprint)
	}
	if !slices.Equal(read, []string{"cccc", "aaaa"}) || all[1].Uptime != 5 {
		t.Errorf("read %+v", all)
	}
	if err == nil || !strings.Contains(err.Error(), "aaaa.w-2 of test: ") || !strings.Contains(err.Error(), "bbbb.w-3 of test: ") || strings.Contains(err.Error(), "w-1") {
		t.Errorf("the error: %v", err)
	}
}
