package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// ticket-desk: books a seat in the database and sends the confirmation through the mail relay.

type seatConn struct {
	id    int
	taken map[int]int
}

type seatDB struct{ free chan *seatConn }

func newSeatDB(conns int) *seatDB {
	db := &seatDB{free: make(chan *seatConn, conns)}
	for i := 0; i < conns; i++ {
		db.free <- &seatConn{id: i, taken: make(map[int]int)}
	}
	return db
}

func (db *seatDB) acquire() *seatConn  { return <-db.free }
func (db *seatDB) release(c *seatConn) { db.free <- c }

func (c *seatConn) insert(seat int) string {
	c.taken[seat%3000]++
	return fmt.Sprintf("T%d-%04d-%d", c.id, seat%3000, c.taken[seat%3000])
}

type mailClient struct{ idle chan net.Conn }

func newMailClient(addr string) *mailClient {
	m := &mailClient{idle: make(chan net.Conn, 16)}
	for i := 0; i < cap(m.idle); i++ {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			log.Fatal(err)
		}
		m.idle <- c
	}
	return m
}

func (m *mailClient) confirm(code string) error {
	c := <-m.idle
	defer func() { m.idle <- c }()
	if _, err := fmt.Fprintf(c, "MAIL %s\n", code); err != nil {
		return err
	}
	var buf [64]byte
	_, err := c.Read(buf[:])
	return err
}

// mailRelay accepts mails the way the provider's relay does: it answers once the mail is queued on its side.
func mailRelay(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go relayMails(c)
	}
}

func relayMails(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		time.Sleep(12 * time.Millisecond)
		fmt.Fprintf(c, "250 queued %d\n", len(lines.Text()))
	}
}

type ticketOffice struct {
	db   *seatDB
	mail *mailClient
}

func (o *ticketOffice) book(seat int) (string, error) {
	conn := o.db.acquire()
	defer o.db.release(conn) // guilty
	code := conn.insert(seat)
	if err := o.mail.confirm(code); err != nil { // guilty
		return "", err
	}
	return code, nil
}

func (o *ticketOffice) store(seat int) string {
	conn := o.db.acquire()
	defer o.db.release(conn)
	return conn.insert(seat)
}

func (o *ticketOffice) storeThenConfirm(seat int) (string, error) {
	code := o.store(seat)
	return code, o.mail.confirm(code)
}

func ticketDesk(broken bool) http.Handler {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go mailRelay(ln)
	office := &ticketOffice{db: newSeatDB(2), mail: newMailClient(ln.Addr().String())}
	sell := office.storeThenConfirm
	if broken {
		sell = office.book
	}
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := sell(int(n.Add(1)))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "booked", code)
	})
}
