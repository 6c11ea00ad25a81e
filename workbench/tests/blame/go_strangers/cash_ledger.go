package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"time"
)

// Cash ledger: one clerk books payments to accounts and sends a copy to the archive now and then.

const ledgerAccounts = 50000

type cashAccount struct {
	Owner    string `json:"owner"`
	Cents    int64  `json:"cents"`
	Bookings int    `json:"bookings"`
	Last     string `json:"last"`
}

type booking struct {
	account int
	cents   int64
	done    chan cashAccount
}

type cashLedger struct {
	in       chan booking
	accounts map[string]*cashAccount
	changed  map[string]*cashAccount
	archive  bytes.Buffer
}

func accountName(n int) string { return fmt.Sprintf("acc-%05d", n) }

func newLedger() *cashLedger {
	l := &cashLedger{in: make(chan booking), accounts: make(map[string]*cashAccount), changed: make(map[string]*cashAccount)}
	for i := 0; i < ledgerAccounts; i++ {
		l.accounts[accountName(i)] = &cashAccount{Owner: fmt.Sprintf("customer %d of the harbour branch", i), Cents: 10000, Last: "opening"}
	}
	return l
}

func (l *cashLedger) book(b booking) {
	name := accountName(b.account)
	acc := l.accounts[name]
	acc.Cents += b.cents
	acc.Bookings++
	acc.Last = time.Now().Format("15:04:05.000")
	l.changed[name] = acc
	b.done <- *acc
}

func (l *cashLedger) store(page any) error {
	data, err := json.Marshal(page)
	if err != nil {
		return err
	}
	l.archive.Reset()
	_, err = l.archive.Write(data)
	return err
}

// archiveBook copies the book to the archive.
func (l *cashLedger) archiveBook() error {
	err := l.store(l.accounts) // guilty
	clear(l.changed)
	return err
}

// archiveChanges copies what was booked since the last copy.
func (l *cashLedger) archiveChanges() error {
	err := l.store(l.changed)
	clear(l.changed)
	return err
}

func (l *cashLedger) clerk(copyOut func() error) {
	tick := time.NewTicker(450 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case b := <-l.in:
			l.book(b)
		case <-tick.C:
			if err := copyOut(); err != nil {
				log.Print("archive: ", err)
			}
		}
	}
}

func (l *cashLedger) pay(account int, cents int64) cashAccount {
	b := booking{account, cents, make(chan cashAccount, 1)}
	l.in <- b
	return <-b.done
}

func runCashLedger(broken bool, addr string) error {
	l := newLedger()
	if broken {
		go l.clerk(l.archiveBook)
	} else {
		go l.clerk(l.archiveChanges)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n := int(time.Now().UnixMicro() % ledgerAccounts)
		acc := l.pay(n, int64(n%900)-400)
		fmt.Fprintf(w, "%s: %d.%02d after %d bookings\n", acc.Owner, acc.Cents/100, acc.Cents%100, acc.Bookings)
	})
	return http.ListenAndServe(addr, nil)
}
