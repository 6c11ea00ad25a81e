package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"time"
)

// A ledger: every request posts an amount to one account. Postings to the
// same account keep their order; the journal is a remote append service.

const ledgerStripes = 256

type ledgerBook struct {
	stripes [ledgerStripes]sync.Mutex
	mu      sync.Mutex
	balance map[string]int64
	journal *journalClient
	hashed  bool
}

type journalConn struct {
	c net.Conn
	r *bufio.Reader
}

type journalClient struct{ idle chan *journalConn }

func dialJournal(addr string, n int) (*journalClient, error) {
	jc := &journalClient{idle: make(chan *journalConn, n)}
	for i := 0; i < n; i++ {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		jc.idle <- &journalConn{c, bufio.NewReader(c)}
	}
	return jc, nil
}

func (jc *journalClient) appendEntry(account string, amount int64) (string, error) {
	conn := <-jc.idle
	defer func() { jc.idle <- conn }()
	if _, err := fmt.Fprintf(conn.c, "%s %d\n", account, amount); err != nil {
		return "", err
	}
	return conn.r.ReadString('\n')
}

// runJournal stands in for the replicated log, which acknowledges an entry
// once its quorum has it.
func runJournal(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
				fmt.Fprintf(c, "ok %d\n", len(line))
			}
		}()
	}
}

func (b *ledgerBook) apply(account string, amount int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.balance[account] += amount
	return b.balance[account]
}

// postInOrder picks the stripe from the leading bytes of the IBAN, which
// needs no hashing.
func (b *ledgerBook) postInOrder(account string, amount int64) (int64, error) {
	stripe := &b.stripes[binary.BigEndian.Uint32([]byte(account))%ledgerStripes] // guilty
	stripe.Lock()                                                                // guilty
	defer stripe.Unlock()
	if _, err := b.journal.appendEntry(account, amount); err != nil { // guilty
		return 0, err
	}
	return b.apply(account, amount), nil
}

func (b *ledgerBook) postHashed(account string, amount int64) (int64, error) {
	h := fnv.New32a()
	h.Write([]byte(account))
	stripe := &b.stripes[h.Sum32()%ledgerStripes]
	stripe.Lock()
	defer stripe.Unlock()
	if _, err := b.journal.appendEntry(account, amount); err != nil {
		return 0, err
	}
	return b.apply(account, amount), nil
}

func (b *ledgerBook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account := fmt.Sprintf("DE3750700%010d", rand.Intn(5000))
	amount := int64(rand.Intn(20000) - 8000)
	post := b.postInOrder
	if b.hashed {
		post = b.postHashed
	}
	balance, err := post(account, amount)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "posted %d to %s, balance %d\n", amount, account, balance)
}

func ledgerPost(broken bool, addr string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go runJournal(ln)
	jc, err := dialJournal(ln.Addr().String(), 32)
	if err != nil {
		return err
	}
	book := &ledgerBook{balance: map[string]int64{}, journal: jc, hashed: !broken}
	return http.ListenAndServe(addr, book)
}
