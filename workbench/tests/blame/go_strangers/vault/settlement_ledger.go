package main

// A settlement ledger: each GET / moves a few cents between two accounts and
// reports both balances. A standby receives the account pages in the background.

import (
	"bufio"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	ledgerAccounts = 512
	ledgerPageSize = 64
)

type ledger struct {
	mu       sync.RWMutex
	balances [ledgerAccounts]int64
	entries  uint64
}

type transfer struct {
	Entry uint64 `json:"entry"`
	From  int    `json:"from"`
	To    int    `json:"to"`
	Left  int64  `json:"left"`
	Got   int64  `json:"got"`
}

func (l *ledger) post(cents int64) transfer {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries++
	from := int(l.entries*7919) % ledgerAccounts
	to := (from + 1 + int(l.entries%61)) % ledgerAccounts
	l.balances[from] -= cents
	l.balances[to] += cents
	return transfer{l.entries, from, to, l.balances[from], l.balances[to]}
}

// page encodes the accounts of one page as "account:balance" lines.
func ledgerPage(n int, balances []int64) string {
	var b strings.Builder
	for i, v := range balances {
		b.WriteString(strconv.Itoa(n*ledgerPageSize + i))
		b.WriteByte(':')
		b.WriteString(strconv.FormatInt(v, 10))
		b.WriteByte(' ')
	}
	b.WriteByte('\n')
	return b.String()
}

// standbyLink is the connection to the standby; it confirms each page.
type standbyLink struct {
	conn net.Conn
	in   *bufio.Reader
}

func (s *standbyLink) send(page string) error {
	if _, err := s.conn.Write([]byte(page)); err != nil {
		return err
	}
	_, err := s.in.ReadString('\n')
	return err
}

// shipConsistent sends all the pages as of one moment.
func (l *ledger) shipConsistent(s *standbyLink) error {
	l.mu.RLock()         // guilty
	defer l.mu.RUnlock() // guilty
	for n := 0; n*ledgerPageSize < ledgerAccounts; n++ {
		page := ledgerPage(n, l.balances[n*ledgerPageSize:(n+1)*ledgerPageSize])
		if err := s.send(page); err != nil { // guilty
			return err
		}
	}
	return nil
}

// shipSnapshot copies the balances first and sends the copy.
func (l *ledger) shipSnapshot(s *standbyLink) error {
	l.mu.RLock()
	copied := l.balances
	l.mu.RUnlock()
	for n := 0; n*ledgerPageSize < ledgerAccounts; n++ {
		if err := s.send(ledgerPage(n, copied[n*ledgerPageSize:(n+1)*ledgerPageSize])); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) replicate(s *standbyLink, ship func(*standbyLink) error) {
	for range time.Tick(35 * time.Millisecond) {
		if err := ship(s); err != nil {
			log.Printf("standby lost: %v", err)
			return
		}
	}
}

// startStandby plays the other data centre: it confirms a page when it is durable there.
func startStandby() (*standbyLink, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		for in := bufio.NewReader(c); ; {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			time.Sleep(3 * time.Millisecond)
			c.Write([]byte("ok\n"))
		}
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	return &standbyLink{c, bufio.NewReader(c)}, nil
}

func runSettlementLedger(broken bool, addr string) error {
	l := &ledger{}
	link, err := startStandby()
	if err != nil {
		return err
	}
	ship := l.shipSnapshot
	if broken {
		ship = l.shipConsistent
	}
	go l.replicate(link, ship)
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(l.post(25))
	}))
}
