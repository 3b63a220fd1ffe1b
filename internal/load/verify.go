package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// Verdict is what reading everything back has found. A correct server gives 0
// for all but the first two and Unacknowledged, which counts submissions that
// are stored although their answer was lost on its way: they were not
// promised, and nobody may say that they are not there.
type Verdict struct {
	Acknowledged int // entries of the ledger
	Stored       int // applications of the program
	Lost         int // acknowledged and not stored
	Duplicated   int // stored more than once: submissions, codes
	Altered      int // stored with other content than was sent
	// Retold counts repeated submissions whose second answer differs from the
	// first one; every fiftieth is repeated.
	Retold         int
	Unacknowledged int

	problems []string
}

// Err is an error if the server broke a promise; it tells the first ones.
func (v *Verdict) Err() error {
	if v.Lost+v.Duplicated+v.Altered+v.Retold == 0 {
		return nil
	}
	return fmt.Errorf("of %d acknowledged submissions %d are lost, %d duplicated, %d altered and %d answered differently when repeated:\n%s",
		v.Acknowledged, v.Lost, v.Duplicated, v.Altered, v.Retold, strings.Join(v.problems, "\n"))
}

func (v *Verdict) String() string {
	return fmt.Sprintf("%d acknowledged, %d stored: %d lost, %d duplicated, %d altered; %d stored whose answer was lost",
		v.Acknowledged, v.Stored, v.Lost, v.Duplicated, v.Altered, v.Unacknowledged)
}

func (v *Verdict) problem(format string, args ...any) {
	if len(v.problems) < 10 {
		v.problems = append(v.problems, fmt.Sprintf(format, args...))
	}
}

// stored is an application as the API shows it.
type stored struct {
	Name, Code, State string
	Contact           struct{ Name, Email, Phone string }
	Answers           json.RawMessage
}

// Verify reads every application of the program through the API and compares
// with the ledger, which must be closed, and with what was sent; then it
// repeats some submissions, which must get their first answer again.
func Verify(ctx context.Context, c *Call, l *Ledger) (*Verdict, error) {
	v := &Verdict{}
	byName := map[string]int{} // acknowledged: resource name -> number
	err := l.Entries(func(e Entry) error {
		v.Acknowledged++
		var got struct{ Application stored }
		if err := json.Unmarshal(e.Answer, &got); err != nil || got.Application.Name == "" {
			return fmt.Errorf("submission %d was acknowledged with something else than an application: %s", e.Number, e.Answer)
		}
		if other, twice := byName[got.Application.Name]; twice {
			v.Duplicated++
			v.problem("submissions %d and %d were given the same application %s", other, e.Number, got.Application.Name)
		}
		byName[got.Application.Name] = e.Number
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := v.readAll(ctx, c, byName); err != nil {
		return nil, err
	}
	return v, v.repeat(ctx, c, l)
}

func (v *Verdict) readAll(ctx context.Context, c *Call, byName map[string]int) error {
	staff := &Staff{Base: "http://" + c.Address, Token: c.staff}
	seen := map[string]bool{}     // names
	codes := map[string]string{}  // code -> name
	people := map[string]string{} // address -> name
	for token := ""; ; {
		var page struct {
			Applications  []stored
			NextPageToken string
		}
		err := staff.Do(ctx, http.MethodPost, "/v1/programs/"+c.Program+"/applications:read", map[string]any{
			"pageSize": 1000, "pageToken": token, "view": "APPLICATION_VIEW_FULL", "reason": "load test: read everything back",
		}, &page)
		if err != nil {
			return err
		}
		for _, a := range page.Applications {
			v.Stored++
			if seen[a.Name] {
				v.Duplicated++
				v.problem("%s is listed twice", a.Name)
			}
			seen[a.Name] = true
			if other, twice := codes[a.Code]; twice {
				v.Duplicated++
				v.problem("%s and %s have the same code %s", other, a.Name, a.Code)
			}
			codes[a.Code] = a.Name
			// Each submission of a run has an address of its own. Without one it is
			// somebody else's, such as of a client that broke off.
			if email := a.Contact.Email; email != "" {
				if other, twice := people[email]; twice {
					v.Duplicated++
					v.problem("%s and %s are the same submission, of %s", other, a.Name, email)
				}
				people[email] = a.Name
			}
			n, ok := byName[a.Name]
			if !ok {
				v.Unacknowledged++
				continue
			}
			if what := c.differs(n, a); what != "" {
				v.Altered++
				v.problem("submission %d, %s: %s", n, a.Name, what)
			}
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	for name, n := range byName {
		if !seen[name] {
			v.Lost++
			v.problem("submission %d was acknowledged as %s, which is not there", n, name)
		}
	}
	return nil
}

// differs says in what an application is not submission n; "" for nothing.
func (c *Call) differs(n int, a stored) string {
	var sent struct {
		Contact struct{ Name, Email, Phone string }
		Answers json.RawMessage
	}
	if err := json.Unmarshal(c.Body(n), &sent); err != nil {
		return err.Error()
	}
	var want, got any
	if json.Unmarshal(sent.Answers, &want) != nil || json.Unmarshal(a.Answers, &got) != nil || !reflect.DeepEqual(want, got) {
		return "other answers"
	}
	switch {
	case a.Contact != sent.Contact:
		return "another contact"
	case a.State != "SUBMITTED":
		return "it is " + a.State
	}
	return ""
}

// repeat sends every fiftieth acknowledged submission again.
func (v *Verdict) repeat(ctx context.Context, c *Call, l *Ledger) error {
	i := 0
	return l.Entries(func(e Entry) error {
		if i++; i%50 != 1 {
			return nil
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Address+"/v1/programs/"+c.Program+"/applications?submit=true", bytes.NewReader(c.Body(e.Number)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", e.Key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		again, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if resp.StatusCode/100 != 2 || !bytes.Equal(bytes.TrimSpace(again), bytes.TrimSpace(e.Answer)) {
			v.Retold++
			v.problem("submission %d, repeated: %d %s", e.Number, resp.StatusCode, again)
		}
		return nil
	})
}
