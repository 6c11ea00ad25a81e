package main

import (
	"encoding/binary"
	"encoding/json"
	"log"
	"math"
	"net"
	"net/http"
	"sort"
	"sync/atomic"
	"time"
)

// Exchange rates for a payments desk. Four quote replicas are asked over UDP
// and the median of their votes is the rate.

const voteWindow = 35 * time.Millisecond

var currencyPairs = []string{"EURUSD", "USDJPY", "GBPCHF", "AUDNZD", "EURSEK", "USDZAR"}

type quoteReplica struct {
	sock     *net.UDPConn
	skew     float64
	draining bool // keeps its address until the DNS entry is gone
}

func startReplica(skew float64, draining bool) *quoteReplica {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	q := &quoteReplica{sock: s, skew: skew, draining: draining}
	go q.serve()
	return q
}

func (q *quoteReplica) serve() {
	buf := make([]byte, 64)
	for {
		n, from, err := q.sock.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if q.draining || n < 1 {
			continue
		}
		rate := 1 + float64(buf[0])*0.37 + q.skew
		q.sock.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, math.Float64bits(rate)), from)
	}
}

type rateDesk struct {
	replicas []*quoteReplica
	asked    atomic.Uint64
}

// canvass sends the question to every replica of the ring.
func (d *rateDesk) canvass(sock *net.UDPConn, pair int) error {
	for _, q := range d.replicas {
		if _, err := sock.WriteTo([]byte{byte(pair)}, q.sock.LocalAddr()); err != nil {
			return err
		}
	}
	return sock.SetReadDeadline(time.Now().Add(voteWindow))
}

func readVote(sock *net.UDPConn) (float64, error) {
	var b [8]byte
	if _, _, err := sock.ReadFromUDPAddrPort(b[:]); err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[:])), nil
}

// collectVotes returns the votes of the ring that came within the window.
func (d *rateDesk) collectVotes(sock *net.UDPConn) []float64 {
	var votes []float64
	for len(votes) < len(d.replicas) { // guilty
		v, err := readVote(sock) // guilty
		if err != nil {
			break
		}
		votes = append(votes, v)
	}
	return votes
}

// collectMajority returns the votes of the first majority of the ring.
func (d *rateDesk) collectMajority(sock *net.UDPConn) []float64 {
	var votes []float64
	for len(votes) < len(d.replicas)/2+1 {
		v, err := readVote(sock)
		if err != nil {
			break
		}
		votes = append(votes, v)
	}
	return votes
}

func medianRate(votes []float64) float64 {
	sort.Float64s(votes)
	return votes[len(votes)/2]
}

func fxQuorum(broken bool) http.HandlerFunc {
	d := &rateDesk{}
	for i := 0; i < 4; i++ {
		d.replicas = append(d.replicas, startReplica(float64(i-1)*0.0001, i == 2))
	}
	collect := d.collectMajority
	if broken {
		collect = d.collectVotes
	}
	return func(w http.ResponseWriter, r *http.Request) {
		pair := int(d.asked.Add(1)) % len(currencyPairs)
		sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer sock.Close()
		if err := d.canvass(sock, pair); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		votes := collect(sock)
		if len(votes) == 0 {
			http.Error(w, "no quotes", http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"pair": currencyPairs[pair], "rate": medianRate(votes), "votes": len(votes)})
	}
}
