package natsnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// writeBuffer is how many bytes NATS gathers while its last write is under way. With
// its own 32 KiB every other frame is a write of its own, and a wake-up of the server.
const writeBuffer = 128 << 10

// options are the user's, and over them ours.
func (n Net) options(urls []*url.URL) (nats.Options, error) {
	o := nats.GetDefaultOptions()
	for _, option := range n.Options {
		if option == nil {
			continue
		}
		if err := option(&o); err != nil {
			return o, fmt.Errorf("option of NATS: %w", err)
		}
	}
	o.Url, o.Servers = "", nil
	for _, u := range urls {
		o.Servers = append(o.Servers, u.String())
	}
	if err := n.secure(&o, urls); err != nil {
		return o, err
	}
	o.AllowReconnect, o.MaxReconnect = true, -1
	o.ReconnectBufSize = -1 // what is kept while the server is away arrives late
	o.IgnoreAuthErrorAbort = true
	o.RetryOnFailedConnect = false
	o.NoEcho = false // a worker may send to itself
	o.PingInterval, o.MaxPingsOut = n.ping, 2
	o.FlusherTimeout = 2 * n.ping // of one write, in which Send may be
	if o.WriteBufferSize == 0 {
		o.WriteBufferSize = writeBuffer
	}
	return o, nil
}

// parse splits a list of URLs. Its errors never quote one: it may hold a password.
func parse(list string) (urls []*url.URL, err error) {
	for i, s := range strings.Split(list, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			return nil, errors.New("the URL is empty: it must be like nats://host:4222")
		}
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return nil, fmt.Errorf("URL %d cannot be read: it must be like nats://host:4222", i+1)
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return nil, fmt.Errorf("the URL of %s begins with %s://: it must be nats://, tls://, ws:// or wss://", u.Host, u.Scheme)
		}
		urls = append(urls, u)
	}
	return urls, nil
}

// secure refuses to speak in plain text to another host. A server may demand TLS,
// but whoever is on the way can take that demand away.
func (n Net) secure(o *nats.Options, urls []*url.URL) error {
	tls := o.Secure || o.TLSHandshakeFirst
	for _, u := range urls {
		tls = tls || u.Scheme == "tls"
	}
	if n.Insecure || o.InProcessServer != nil {
		return nil
	}
	for _, u := range urls {
		plain := u.Scheme == "ws" || u.Scheme == "nats" && !tls
		if plain && !loopback(u.Hostname()) {
			return fmt.Errorf("plaintext to %s is refused: use a tls:// URL, or nats.Secure among the Options, or set Insecure", u.Host)
		}
		// A server tells of others, which may be on other hosts.
		o.IgnoreDiscoveredServers = o.IgnoreDiscoveredServers || plain
	}
	return nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// hosts are the URLs without what may be secret.
func hosts(urls []*url.URL) string {
	var all []string
	for _, u := range urls {
		all = append(all, u.Host)
	}
	return strings.Join(all, ",")
}

// backoff is how long to wait before attempt n, from 1: 100 ms doubling to 2 s, and
// up to half of it less, so that workers do not come all at once.
func backoff(n int) time.Duration {
	d := min(100*time.Millisecond<<min(n-1, 10), 2*time.Second)
	return d - rand.N(d/2)
}
