package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Finds the cheapest fare of a few carriers. A carrier answers with its
// offers as JSON lines, the cheapest first.

type offer struct {
	Carrier string `json:"carrier"`
	Flight  string `json:"flight"`
	Depart  string `json:"depart"`
	Class   string `json:"class"`
	Cents   int    `json:"cents"`
}

type carrier struct {
	code     string
	patience time.Duration // for the first byte of an answer
	hc       *http.Client
}

type fareFinder struct {
	base     string
	tr       *http.Transport
	carriers []*carrier
	cheapest func(c *carrier) (offer, error)
}

// clientFor is a client that waits no longer for an answer than patience.
func clientFor(tr *http.Transport, patience time.Duration) *http.Client {
	own := tr.Clone()
	own.ResponseHeaderTimeout = patience
	return &http.Client{Transport: own, Timeout: 5 * time.Second}
}

func (f *fareFinder) ask(hc *http.Client, code string) (offer, error) {
	var o offer
	resp, err := hc.Get(f.base + "/offers?carrier=" + code)
	if err != nil {
		return o, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return o, fmt.Errorf("%s: %s", code, resp.Status)
	}
	if err = json.NewDecoder(resp.Body).Decode(&o); err != nil {
		return o, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return o, err
}

func (f *fareFinder) askPatiently(c *carrier) (offer, error) {
	hc := clientFor(f.tr, c.patience) // guilty
	defer hc.CloseIdleConnections()
	return f.ask(hc, c.code) // guilty
}

func (f *fareFinder) askCarrier(c *carrier) (offer, error) {
	return f.ask(c.hc, c.code)
}

func (f *fareFinder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var best offer
	for _, c := range f.carriers {
		o, err := f.cheapest(c)
		if err != nil {
			log.Print(err)
			http.Error(w, "carrier unavailable", http.StatusBadGateway)
			return
		}
		if best.Cents == 0 || o.Cents < best.Cents {
			best = o
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(best)
}

// carrierAPI is the carriers' gateway.
func carrierAPI(w http.ResponseWriter, r *http.Request) {
	c := r.URL.Query().Get("carrier")
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for i := 0; i < 25; i++ {
		enc.Encode(offer{c, fmt.Sprintf("%s%d", c, 100+i), fmt.Sprintf("%02d:%02d", 6+i/4, i%4*15), "economy", 4900 + len(c)*37 + i*250})
	}
}

func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "carriers"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}

func runFareFinder(broken bool, addr string) error {
	cert, pool, err := selfSigned()
	if err != nil {
		return err
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		return err
	}
	go (&http.Server{Handler: http.HandlerFunc(carrierAPI), ErrorLog: log.New(io.Discard, "", 0)}).Serve(ln)

	f := &fareFinder{base: "https://" + ln.Addr().String()}
	f.tr = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 32}
	for i, code := range []string{"NX", "AZR", "POL"} {
		patience := time.Duration(i+1) * 700 * time.Millisecond
		f.carriers = append(f.carriers, &carrier{code: code, patience: patience, hc: clientFor(f.tr, patience)})
	}
	f.cheapest = f.askCarrier
	if broken {
		f.cheapest = f.askPatiently
	}
	return http.ListenAndServe(addr, f)
}
