package main

// Parcel scans at a depot: each scan is written to the vault (an object store that keeps
// the proof of delivery) before the scanner gets its receipt.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

type parcelScan struct {
	serial uint64
	depot  string
	image  []byte
}

func (s parcelScan) key() string { return fmt.Sprintf("%s/%08d.scan", s.depot, s.serial) }

type scanVault struct {
	base   string
	client *http.Client
}

func newScanVault(base string) *scanVault {
	return &scanVault{base: base, client: &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: 40 * time.Millisecond,
		},
	}}
}

func (v *scanVault) request(s parcelScan) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPut, v.base+s.key(), bytes.NewReader(s.image))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.image)
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("X-Content-Sha256", hex.EncodeToString(sum[:]))
	return req, nil
}

func (v *scanVault) receipt(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	tag, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("vault: %s", resp.Status)
	}
	return string(tag), nil
}

// putGuarded lets the vault turn an upload down before the image is on the wire.
func (v *scanVault) putGuarded(s parcelScan) (string, error) {
	req, err := v.request(s)
	if err != nil {
		return "", err
	}
	req.Header.Set("Expect", "100-continue") // guilty
	resp, err := v.client.Do(req)
	if err != nil {
		return "", err
	}
	return v.receipt(resp)
}

func (v *scanVault) put(s parcelScan) (string, error) {
	req, err := v.request(s)
	if err != nil {
		return "", err
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return "", err
	}
	return v.receipt(resp)
}

// vaultAppliance plays the storage box in the basement.
func vaultAppliance(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, req.Body)
		if err != nil {
			return
		}
		tag := fmt.Sprintf("%s-%d", req.Header.Get("X-Content-Sha256")[:12], n)
		fmt.Fprintf(c, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(tag), tag)
	}
}

func takeScan(n uint64) parcelScan {
	image := make([]byte, 3000)
	for i := range image {
		image[i] = byte(uint64(i)*n + n>>3)
	}
	return parcelScan{n, fmt.Sprintf("depot-%d", n%7), image}
}

func scanVaultMain(broken bool) http.HandlerFunc {
	v := newScanVault("http://" + localTCP(vaultAppliance) + "/")
	save := v.put
	if broken {
		save = v.putGuarded
	}
	var serial atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		s := takeScan(serial.Add(1))
		tag, err := save(s)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		reply(w, fmt.Sprintf("%s stored as %s\n", s.key(), tag))
	}
}
