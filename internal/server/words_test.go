package server_test

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
)

// TestWordsOfOnesOwn sends what people write where a code is wanted. A pattern
// that refuses it at the door could only quote itself; the form knows what was
// meant. Nothing is repeated that is no code: it may be anything.
func TestWordsOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	facilitator := w.token(access.Facilitator, "alpha")
	apps := "/v1/programs/alpha/applications"
	for name, c := range map[string]struct{ path, token, body, field, told string }{
		"a label for a code": {apps, "", `{"answers": {"county": {"values": ["Skagit"]}}}`, `"answers.county"`, `did you mean \"skagit\"`},
		"a label for a key":  {apps, "", `{"answers": {"County": {"values": ["skagit"]}}}`, `"answers"`, `did you mean \"county\"`},
		"two words":          {apps, "", `{"answers": {"Why Now": {"text": "x"}}}`, `"answers"`, `did you mean \"why_now\"`},
		"markup for a value": {apps, "", `{"answers": {"county": {"values": ["<b>zq7canary</b>"]}}}`, `"answers.county"`, `island, skagit, whatcom`},
		"markup for a key":   {apps, "", `{"answers": {"<b>zq7canary</b>": {"values": ["skagit"]}}}`, `"answers"`, `no such question`},
		"words for no value": {apps, "", `{"answers": {"sector": {"values": ["food"], "writeIns": {"Zq7canary": "x"}}}}`, `"answers.sector"`, `no words of one's own`},
		"a consent":          {apps, "", `{"consents": [{"key": "Take part"}]}`, `"consents"`, `did you mean \"take_part\"`},
		"a cap":              {"/v1/programs/alpha:checkCriteria", facilitator, `{"criteria": {"hardCaps": {"Sector": 1}}}`, `"hardCaps.Sector"`, `did you mean \"sector\"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.call("POST", c.path, c.token, c.body)
			body := string(got.body)
			if got.status != 400 || !strings.Contains(body, c.field) || !strings.Contains(body, c.told) {
				t.Errorf("%d %s\nwant 400 with %s and %s", got.status, body, c.field, c.told)
			}
			if strings.Contains(body, "regex") || strings.Contains(strings.ToLower(body), "canary") {
				t.Errorf("tells a pattern, or what was sent: %s", body)
			}
		})
	}
}
