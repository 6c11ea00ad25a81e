package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
)

// Freight quotes. The tariff engine is an old binary service: every message is a
// six byte header (kind, length) and then the parcel as JSON; it answers with cents.

type parcel struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Grams  int    `json:"grams"`
	Volume int    `json:"volume"`
}

const kindQuote = 7

var depots = []string{"Graz", "Linz", "Wels", "Steyr", "Villach", "Krems"}

type engineConn struct {
	sock *net.TCPConn
	in   *bufio.Reader
}

type quoteDesk struct {
	idle  chan *engineConn
	split bool
}

func dialEngine(addr string) *engineConn {
	c, err := net.Dial("tcp", addr)
	must(err)
	sock := c.(*net.TCPConn)
	sock.SetNoDelay(false) // guilty
	return &engineConn{sock: sock, in: bufio.NewReader(sock)}
}

func frameHeader(body []byte) []byte {
	h := make([]byte, 6)
	binary.BigEndian.PutUint16(h, kindQuote)
	binary.BigEndian.PutUint32(h[2:], uint32(len(body)))
	return h
}

func (e *engineConn) sendParts(body []byte) error {
	if _, err := e.sock.Write(frameHeader(body)); err != nil { // guilty
		return err
	}
	_, err := e.sock.Write(body) // guilty
	return err
}

func (e *engineConn) sendFrame(body []byte) error {
	_, err := e.sock.Write(append(frameHeader(body), body...))
	return err
}

func (e *engineConn) readPrice() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(e.in, b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

func (q *quoteDesk) price(p parcel) (uint32, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	e := <-q.idle
	defer func() { q.idle <- e }()
	if q.split {
		err = e.sendParts(body)
	} else {
		err = e.sendFrame(body)
	}
	if err != nil {
		return 0, err
	}
	return e.readPrice()
}

func tariff(p parcel) uint32 {
	weight := max(p.Grams, p.Volume/5)
	return uint32(390 + weight/40 + 11*len(p.From+p.To))
}

func engineSession(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	head := make([]byte, 6)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[2:]))
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		var p parcel
		if json.Unmarshal(body, &p) != nil {
			return
		}
		c.Write(binary.BigEndian.AppendUint32(nil, tariff(p)))
	}
}

func startEngine() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go engineSession(c)
		}
	}()
	return l.Addr().String()
}

func freightQuote(broken bool, port string) {
	addr := startEngine()
	desk := &quoteDesk{idle: make(chan *engineConn, 16), split: broken}
	for i := 0; i < 16; i++ {
		desk.idle <- dialEngine(addr)
	}
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		p := parcel{
			From:   depots[rand.Intn(len(depots))],
			To:     depots[rand.Intn(len(depots))],
			Grams:  200 + rand.Intn(20000),
			Volume: 1000 + rand.Intn(90000),
		}
		cents, err := desk.price(p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "%s-%s %d g: EUR %d.%02d\n", p.From, p.To, p.Grams, cents/100, cents%100)
	})
}
