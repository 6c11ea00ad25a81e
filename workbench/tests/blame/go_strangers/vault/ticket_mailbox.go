package main

// A help desk: GET / shows the open tickets of a mailbox; each is kept as the
// mail it came in and its headers are read for the list.

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const longestHeader = 1 << 18 // some gateways fold a whole route into one line

type ticketMail struct {
	raw string
}

type ticketRow struct {
	id       int
	subject  string
	from     string
	priority int
	words    int
}

type mailbox struct {
	mails []ticketMail
	lines func(m ticketMail) *bufio.Scanner
}

func newMailbox() *mailbox {
	m := &mailbox{}
	topics := []string{"cannot log in", "invoice is wrong", "printer on fire", "where is my parcel", "please delete my account"}
	for i := 0; i < 32; i++ {
		var b strings.Builder
		fmt.Fprintf(&b, "Ticket: %d\r\nFrom: customer%d@example.net\r\n", 4000+i, i*7%100)
		fmt.Fprintf(&b, "Subject: %s\r\nX-Priority: %d\r\n\r\n", topics[i%len(topics)], 1+i%5)
		for l := 0; l < 4+i%4; l++ {
			fmt.Fprintf(&b, "Hello, this is line %d of what I have to say.\r\n", l)
		}
		m.mails = append(m.mails, ticketMail{b.String()})
	}
	return m
}

// wideLines reads a mail with room for the longest line.
func wideLines(m ticketMail) *bufio.Scanner {
	sc := bufio.NewScanner(strings.NewReader(m.raw))
	sc.Buffer(make([]byte, longestHeader), longestHeader) // guilty
	return sc
}

// growingLines reads a mail with a buffer that grows up to the longest line.
func growingLines(m ticketMail) *bufio.Scanner {
	sc := bufio.NewScanner(strings.NewReader(m.raw))
	sc.Buffer(make([]byte, 0, 1024), longestHeader)
	return sc
}

func (mb *mailbox) read(m ticketMail) (row ticketRow, err error) {
	sc := mb.lines(m)
	inBody := false
	for sc.Scan() {
		line := sc.Text()
		switch key, val, ok := strings.Cut(line, ": "); {
		case inBody:
			row.words += len(strings.Fields(line))
		case line == "":
			inBody = true
		case ok && key == "Ticket":
			row.id, err = strconv.Atoi(val)
		case ok && key == "Subject":
			row.subject = val
		case ok && key == "From":
			row.from = val
		case ok && key == "X-Priority":
			row.priority, err = strconv.Atoi(val)
		}
		if err != nil {
			return row, err
		}
	}
	return row, sc.Err()
}

// list renders the tickets, the most urgent first.
func (mb *mailbox) list() (string, error) {
	var byPriority [6][]ticketRow
	for _, m := range mb.mails {
		row, err := mb.read(m)
		if err != nil {
			return "", err
		}
		p := row.priority % len(byPriority)
		byPriority[p] = append(byPriority[p], row)
	}
	var b strings.Builder
	for p, rows := range byPriority {
		for _, r := range rows {
			fmt.Fprintf(&b, "P%d #%d %s <%s> (%d words)\n", p, r.id, r.subject, r.from, r.words)
		}
	}
	return b.String(), nil
}

func runTicketMailbox(broken bool, addr string) error {
	mb := newMailbox()
	mb.lines = growingLines
	if broken {
		mb.lines = wideLines
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := mb.list()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write([]byte(body))
	}))
}
