package member

import (
	"strings"

	"github.com/waterspout/waterspout/transport"
)

// Leased are the ids of those who have a lease among the entries of a cluster's
// store, in their order.
func Leased(entries []transport.Entry) (ids []string) {
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Key, keyLease); ok && e.Value != nil {
			ids = append(ids, id)
		}
	}
	return ids
}
