package main

// Album links: hands out signed, expiring download links for the pictures of a
// studio's album. Each studio has a passphrase, its links are signed with a key
// made from it.

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const keyRounds = 30000

type studio struct {
	name       string
	passphrase string
	salt       []byte
	pictures   []string
	key        []byte
}

func loadStudios() []*studio {
	var all []*studio
	for i := range 12 {
		s := &studio{
			name:       fmt.Sprintf("studio-%02d", i),
			passphrase: fmt.Sprintf("light and shade %d", i*i+3),
			salt:       fmt.Appendf(nil, "grain-%08d", i*7919),
		}
		for p := range 8 {
			s.pictures = append(s.pictures, fmt.Sprintf("/%s/%04d.jpg", s.name, p*37+i))
		}
		all = append(all, s)
	}
	return all
}

func stretch(s *studio) ([]byte, error) {
	return pbkdf2.Key(sha256.New, s.passphrase, s.salt, keyRounds, 32) // guilty
}

type signer interface {
	links(s *studio, until time.Time) ([]string, error)
}

func sign(key []byte, path string, until time.Time) string {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s\n%d", path, until.Unix())
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

func linkAll(s *studio, key []byte, until time.Time) []string {
	out := make([]string, 0, len(s.pictures))
	for _, p := range s.pictures {
		out = append(out, fmt.Sprintf("%s?until=%d&sig=%s", p, until.Unix(), sign(key, p, until)))
	}
	return out
}

type passphraseSigner struct{}

func (passphraseSigner) links(s *studio, until time.Time) ([]string, error) {
	key, err := stretch(s) // guilty
	if err != nil {
		return nil, err
	}
	return linkAll(s, key, until), nil
}

type keySigner struct{}

func (keySigner) links(s *studio, until time.Time) ([]string, error) {
	return linkAll(s, s.key, until), nil
}

func unlock(all []*studio) {
	for _, s := range all {
		s.key = must(stretch(s))
	}
}

func page(s *studio, links []string) string {
	var b strings.Builder
	b.WriteString(s.name)
	b.WriteByte('\n')
	for _, l := range links {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.String()
}

func albumLinks(broken bool) http.Handler {
	studios := loadStudios()
	var sg signer = passphraseSigner{}
	if !broken {
		unlock(studios)
		sg = keySigner{}
	}
	var turn atomic.Uint64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := studios[turn.Add(1)%uint64(len(studios))]
		links, err := sg.links(s, time.Now().Add(15*time.Minute))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		io.WriteString(w, page(s, links))
	})
}
