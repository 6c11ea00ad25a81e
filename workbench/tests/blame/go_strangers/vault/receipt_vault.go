package main

// A till: each GET / makes a receipt, files it in the document vault of the
// accountants (an old HTTP server) and answers with the vault's tag.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

type receiptLine struct {
	Item  string `json:"item"`
	Qty   int    `json:"qty"`
	Cents int    `json:"cents"`
}

type receipt struct {
	No    int64         `json:"no"`
	Lines []receiptLine `json:"lines"`
	Total int           `json:"total"`
}

type till struct {
	vault  string
	client *http.Client
	seq    atomic.Int64
	file   func(no int64, doc []byte) (string, error)
}

var tillGoods = []string{"espresso", "bagel", "oat milk", "granola", "lemon cake"}

func (t *till) ring() receipt {
	r := receipt{No: t.seq.Add(1)}
	for i, g := range tillGoods {
		qty := int(r.No)%(i+2) + 1
		l := receiptLine{g, qty, qty * (180 + 45*i)}
		r.Lines = append(r.Lines, l)
		r.Total += l.Cents
	}
	return r
}

func (t *till) newPut(no int64, doc []byte) (*http.Request, error) {
	req, err := http.NewRequest("PUT", fmt.Sprintf("http://%s/receipts/%d", t.vault, no), bytes.NewReader(doc))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

func vaultTag(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusCreated {
		return "", errors.New("vault: " + resp.Status)
	}
	return resp.Header.Get("ETag"), nil
}

// filePolitely lets the vault refuse a document before it is uploaded.
func (t *till) filePolitely(no int64, doc []byte) (string, error) {
	req, err := t.newPut(no, doc)
	if err != nil {
		return "", err
	}
	req.Header.Set("Expect", "100-continue") // guilty
	resp, err := t.client.Do(req)            // guilty
	if err != nil {
		return "", err
	}
	return vaultTag(resp)
}

func (t *till) fileDirectly(no int64, doc []byte) (string, error) {
	req, err := t.newPut(no, doc)
	if err != nil {
		return "", err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return "", err
	}
	return vaultTag(resp)
}

func (t *till) serve(w http.ResponseWriter, _ *http.Request) {
	r := t.ring()
	doc, _ := json.Marshal(r)
	tag, err := t.file(r.No, doc)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "receipt %d total %d.%02d filed as %s\n", r.No, r.Total/100, r.Total%100, tag)
}

// vaultSession speaks just enough HTTP/1.1, as the vault does.
func vaultSession(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		doc, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		sum := sha256.Sum256(doc)
		fmt.Fprintf(c, "HTTP/1.1 201 Created\r\nETag: %x\r\nContent-Length: 0\r\n\r\n", sum[:8])
	}
}

func startVault() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go vaultSession(c)
		}
	}()
	return ln.Addr().String(), nil
}

func runReceiptVault(broken bool, addr string) error {
	vault, err := startVault()
	if err != nil {
		return err
	}
	t := &till{vault: vault, client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: 40 * time.Millisecond,
	}}}
	t.file = t.fileDirectly
	if broken {
		t.file = t.filePolitely
	}
	return http.ListenAndServe(addr, http.HandlerFunc(t.serve))
}
