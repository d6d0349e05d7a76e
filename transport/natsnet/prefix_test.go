package natsnet

import "testing"

// TestPrefixes: nets of different prefixes share a server and nothing else, whatever
// their stores are named.
func TestPrefixes(t *testing.T) {
	type names struct{ prefix, store string }
	buckets := map[string]names{}
	parts := []string{"a", "b", "-", "_", "--", "__", "_-", "-_", "a-b", "a_b", "a_-b", "a-", "a_", "-a", "_a", "a-_", "a__", "b-a_"}
	for _, prefix := range parts {
		for _, store := range parts {
			bucket := Net{Prefix: prefix}.bucket(store)
			if other, is := buckets[bucket]; is {
				t.Errorf("%v and %v have bucket %s", names{prefix, store}, other, bucket)
			}
			buckets[bucket] = names{prefix, store}
		}
	}
	for name, n := range map[string]names{
		"waterspout-tweets-stats": {"waterspout", "tweets-stats"}, "acme_-eu-tweets": {"acme-eu", "tweets"}, "a__b-c_d": {"a_b", "c_d"},
	} {
		if bucket := (Net{Prefix: n.prefix}).bucket(n.store); bucket != name {
			t.Errorf("%v have bucket %s", n, bucket)
		}
	}
	r := newRig(t)
	open := func(n names) *store {
		net := r.Net
		net.Prefix = n.prefix
		c, err := net.Open(t.Context(), "c", "a")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		s, err := c.Store(t.Context(), n.store)
		if err != nil {
			t.Fatal(err)
		}
		return s.(*store)
	}
	one, other := open(names{"acme", "eu-tweets"}), open(names{"acme-eu", "tweets"})
	if _, err := one.Put(t.Context(), "k", []byte("of acme"), 0); err != nil {
		t.Fatal(err)
	}
	if e, err := other.Get(t.Context(), "k"); err != nil || e.Value != nil {
		t.Errorf("acme-eu reads %q, %v", e.Value, err)
	}
}
