package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Posts entries to a bank's ledger. Entries of one account have to reach the
// bank in order, so an account's posting is done under its lock; the locks
// are striped because there are too many accounts for one each.

const ledgerStripes = 64

type stripe struct {
	mu     sync.Mutex
	posted map[string]int
}

type ledger struct {
	stripes [ledgerStripes]stripe
	stripe  func(account string) int
	bank    *bankClient
	seq     atomic.Int64
}

type bankClient struct {
	base string
	hc   *http.Client
}

func (b *bankClient) post(account string, entry int) (string, error) {
	q := url.Values{"account": {account}, "entry": {fmt.Sprint(entry)}}
	resp, err := b.hc.PostForm(b.base+"/entries", q)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	ref, err := io.ReadAll(resp.Body)
	return string(ref), err
}

func newLedger(bank *bankClient) *ledger {
	l := &ledger{bank: bank}
	for i := range l.stripes {
		l.stripes[i].posted = map[string]int{}
	}
	return l
}

func accountNumber(n int64) string {
	country := [...]string{"DE", "FR", "NL", "AT"}[n%4]
	return fmt.Sprintf("acc:%s%010d", country, 7000000000+(n*7919)%5000)
}

// stripeByPrefix spreads accounts by the leading bytes of their number.
func stripeByPrefix(account string) int {
	h := 0
	for i := 0; i < 4 && i < len(account); i++ {
		h = h*31 + int(account[i])
	}
	return h % ledgerStripes // guilty
}

func stripeByHash(account string) int {
	h := fnv.New32a()
	io.WriteString(h, account)
	return int(h.Sum32() % ledgerStripes)
}

// record posts the account's next entry.
func (l *ledger) record(account string) (int, string, error) {
	s := &l.stripes[l.stripe(account)]
	s.mu.Lock() // guilty
	defer s.mu.Unlock()
	entry := s.posted[account] + 1
	ref, err := l.bank.post(account, entry) // guilty
	if err != nil {
		return 0, "", err
	}
	s.posted[account] = entry
	return entry, ref, nil
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account := accountNumber(l.seq.Add(1))
	entry, ref, err := l.record(account)
	if err != nil {
		log.Print(err)
		http.Error(w, "bank unavailable", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s #%d %s\n", account, entry, ref)
}

// startBank is the bank's side: confirming an entry takes a few milliseconds.
func startBank() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	var refs atomic.Int64
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		time.Sleep(6 * time.Millisecond)
		fmt.Fprintf(w, "ref-%08x", refs.Add(1))
	}))
	return "http://" + ln.Addr().String(), nil
}

func runLedgerPost(broken bool, addr string) error {
	base, err := startBank()
	if err != nil {
		return err
	}
	l := newLedger(&bankClient{base: base, hc: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 32},
	}})
	l.stripe = stripeByHash
	if broken {
		l.stripe = stripeByPrefix
	}
	return http.ListenAndServe(addr, l)
}
