package main

// Payouts to sellers: every payout is booked in the ledger over one of a few
// sessions; those above the review limit are also reported to the compliance partner.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ledgerSessions = 2
	reviewLimit    = 850_00
)

type payout struct {
	id     uint64
	seller string
	cents  int
}

type ledgerSession struct {
	conn net.Conn
	in   *bufio.Reader
}

func (s *ledgerSession) command(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(s.conn, format+"\n", args...); err != nil {
		return "", err
	}
	line, err := s.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

type payoutDesk struct {
	idle       chan *ledgerSession
	compliance string
	client     *http.Client
	mu         sync.Mutex
	outbox     []payout
	wake       chan struct{}
}

func (d *payoutDesk) session() *ledgerSession   { return <-d.idle }
func (d *payoutDesk) giveBack(s *ledgerSession) { d.idle <- s }
func (d *payoutDesk) needsReview(p payout) bool { return p.cents > reviewLimit }
func (d *payoutDesk) nextPayout(n uint64) payout {
	return payout{n, fmt.Sprintf("seller-%03d", n*31%211), int(n*7919%1000) * 100}
}

// report tells the partner, who is known to turn away the first tries.
func (d *payoutDesk) report(ps []payout) error {
	var body bytes.Buffer
	for _, p := range ps {
		fmt.Fprintf(&body, "%d;%s;%d\n", p.id, p.seller, p.cents)
	}
	backoff := 20 * time.Millisecond
	for try := 1; try <= 4; try++ {
		req, _ := http.NewRequest("POST", d.compliance, bytes.NewReader(body.Bytes()))
		req.Header.Set("X-Attempt", fmt.Sprint(try))
		resp, err := d.client.Do(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(backoff)
		backoff *= 2
	}
	return fmt.Errorf("compliance: gave up on %d payouts", len(ps))
}

// bookReported books and, for the large ones, reports before it commits.
func (d *payoutDesk) bookReported(p payout) (string, error) {
	s := d.session()
	defer d.giveBack(s) // guilty
	if _, err := s.command("BOOK %d %s %d", p.id, p.seller, p.cents); err != nil {
		return "", err
	}
	if d.needsReview(p) {
		if err := d.report([]payout{p}); err != nil { // guilty
			s.command("ROLLBACK %d", p.id)
			return "", err
		}
	}
	return s.command("COMMIT %d", p.id)
}

// bookQueued commits at once and leaves the report to the outbox.
func (d *payoutDesk) bookQueued(p payout) (string, error) {
	s := d.session()
	_, err := s.command("BOOK %d %s %d", p.id, p.seller, p.cents)
	answer := ""
	if err == nil {
		answer, err = s.command("COMMIT %d", p.id)
	}
	d.giveBack(s)
	if err == nil && d.needsReview(p) {
		d.mu.Lock()
		d.outbox = append(d.outbox, p)
		d.mu.Unlock()
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
	return answer, err
}

func (d *payoutDesk) drainOutbox() {
	for range d.wake {
		d.mu.Lock()
		batch := d.outbox
		d.outbox = nil
		d.mu.Unlock()
		if err := d.report(batch); err != nil {
			log.Print(err)
		}
	}
}

func ledgerTeller(c net.Conn) {
	for in := bufio.NewScanner(c); in.Scan(); {
		fmt.Fprintf(c, "OK %s\n", strings.ToLower(in.Text()))
	}
}

func complianceIntake(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	if r.Header.Get("X-Attempt") < "3" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func payoutsMain(broken bool) http.HandlerFunc {
	d := &payoutDesk{idle: make(chan *ledgerSession, ledgerSessions), compliance: "http://" + localHTTP(complianceIntake),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, wake: make(chan struct{}, 1)}
	addr := localTCP(ledgerTeller)
	for i := 0; i < ledgerSessions; i++ {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			log.Fatal(err)
		}
		d.giveBack(&ledgerSession{c, bufio.NewReader(c)})
	}
	book := d.bookQueued
	if broken {
		book = d.bookReported
	} else {
		go d.drainOutbox()
	}
	var serial atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		p := d.nextPayout(serial.Add(1))
		answer, err := book(p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		reply(w, fmt.Sprintf("payout %d to %s: %s\n", p.id, p.seller, answer))
	}
}
