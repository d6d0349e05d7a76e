package mesh

import "github.com/waterspout/waterspout/internal/frame"

// Held is how many outlets to a peer and accounts of it there are.
func (p *Peer) Held() (outlets, accounts int) {
	p.data.mu.Lock()
	outlets = len(p.data.outlets)
	p.data.mu.Unlock()
	in := &p.in[frame.DataLink]
	in.mu.Lock()
	defer in.mu.Unlock()
	return outlets, len(in.accounts)
}
