// Package presets holds ready-made programs: their texts, forms, criteria and
// population benchmarks, each figure with its source. A preset is a YAML file
// beside this one; docs/forms.md describes the format. Files are read strictly:
// an unknown key, a code that does not exist, or a figure without a source is
// an error when the program starts, not a surprise for an applicant.
package presets

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/openfairlead/fairlead/applications"
)

//go:embed *.yaml
var files embed.FS

// All returns the presets that ship, by id.
func All() (map[string]*applications.Preset, error) {
	all := map[string]*applications.Preset{}
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := Read(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("preset %s: %w", name, err)
		}
		if all[p.ID] != nil {
			return nil, fmt.Errorf("preset %s: the id %q is taken by another preset", name, p.ID)
		}
		all[p.ID] = p
	}
	return all, nil
}

// Read reads one preset and checks it whole. The error names every problem.
func Read(r io.Reader) (*applications.Preset, error) {
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	p, bad := f.preset()
	if len(bad) > 0 {
		return nil, errors.New(strings.Join(bad, "\n"))
	}
	for _, v := range applications.CheckForm(&p.Form) {
		bad = append(bad, v.Field+": "+v.Message)
	}
	for _, name := range p.CriteriaName {
		c := p.Criteria[name]
		for _, v := range applications.CheckCriteria(&c, &p.Form) {
			bad = append(bad, "criteria "+name+": "+v.Field+": "+v.Message)
		}
	}
	if len(bad) > 0 {
		return nil, errors.New(strings.Join(bad, "\n"))
	}
	return p, nil
}

type file struct {
	ID          string            `yaml:"id"`
	Version     string            `yaml:"version"`
	Title       applications.Text `yaml:"title"`
	Description applications.Text `yaml:"description"`
	Sources     []source          `yaml:"sources"`
	Program     program           `yaml:"program"`
	Pages       []page            `yaml:"pages"`
	Attributes  []attribute       `yaml:"attributes"`
	Eligibility []condition       `yaml:"eligibility"`
	Consents    []consent         `yaml:"consents"`
	Criteria    []criteria        `yaml:"criteria"`
}

type source struct {
	ID      string `yaml:"id"`
	Title   string `yaml:"title"`
	Where   string `yaml:"where"`
	License string `yaml:"license"`
	Caveat  string `yaml:"caveat"`
}

func (s source) String() string {
	return strings.Join(slices.DeleteFunc([]string{s.Title, s.Where, s.License, s.Caveat}, func(s string) bool { return s == "" }), ". ")
}

type program struct {
	Title        applications.Text `yaml:"title"`
	Summary      applications.Text `yaml:"summary"`
	Audience     applications.Text `yaml:"audience"`
	Effort       applications.Text `yaml:"effort"`
	Selected     applications.Text `yaml:"selected"`
	Region       applications.Text `yaml:"region"`
	CodePrefix   string            `yaml:"code_prefix"`
	MinSeats     int               `yaml:"min_seats"`
	Seats        int               `yaml:"seats"`
	Zone         string            `yaml:"zone"`
	GraceMinutes int               `yaml:"grace_minutes"`
}

type page struct {
	Key        string            `yaml:"key"`
	Title      applications.Text `yaml:"title"`
	Attributes []string          `yaml:"attributes"`
}

type condition struct {
	Attribute string   `yaml:"attribute"`
	Values    []string `yaml:"values"`
}

func (c *condition) domain() *applications.Condition {
	if c == nil {
		return nil
	}
	return &applications.Condition{Attribute: c.Attribute, Values: c.Values}
}

type attribute struct {
	Key         string                     `yaml:"key"`
	Kind        applications.AttributeKind `yaml:"kind"`
	Sensitivity applications.Sensitivity   `yaml:"sensitivity"`
	Purposes    []applications.Purpose     `yaml:"purposes"`
	Label       applications.Text          `yaml:"label"`
	Question    applications.Text          `yaml:"question"`
	Hint        applications.Text          `yaml:"hint"`
	Why         applications.Text          `yaml:"why"`
	Required    bool                       `yaml:"required"`
	Decline     bool                       `yaml:"decline"`
	MaxValues   int                        `yaml:"max_values"`
	MaxLength   int                        `yaml:"max_length"`
	DerivedFrom string                     `yaml:"derived_from"`
	VisibleWhen *condition                 `yaml:"visible_when"`
	Qualifier   *qualifier                 `yaml:"qualifier"`
	Source      string                     `yaml:"source"`
	Values      []value                    `yaml:"values"`
}

type qualifier struct {
	Key    string            `yaml:"key"`
	Label  applications.Text `yaml:"label"`
	Values []value           `yaml:"values"`
}

type value struct {
	Code        string            `yaml:"code"`
	Label       applications.Text `yaml:"label"`
	Exclusive   bool              `yaml:"exclusive"`
	WriteIn     bool              `yaml:"write_in"`
	Health      bool              `yaml:"health"`
	Uncounted   bool              `yaml:"uncounted"`
	VisibleWhen *condition        `yaml:"visible_when"`
	Benchmark   *benchmark        `yaml:"benchmark"`
	Rollup      *rollup           `yaml:"rollup"`
}

type benchmark struct {
	Share  float64 `yaml:"share"`
	Basis  string  `yaml:"basis"`
	Source string  `yaml:"source"` // id of a source
}

type rollup struct {
	Any     []string `yaml:"any"`
	Only    string   `yaml:"only"`
	AtLeast int      `yaml:"at_least"`
}

type consent struct {
	Key      string            `yaml:"key"`
	Text     applications.Text `yaml:"text"`
	Required bool              `yaml:"required"`
	Health   bool              `yaml:"health"`
}

type criteria struct {
	Name     string        `yaml:"name"`
	Includes string        `yaml:"includes"` // a set above, whose rules come first
	Rules    []rule        `yaml:"rules"`
	Allow    map[int]int64 `yaml:"allow"` // by priority: deviation allowed above the least
}

type rule struct {
	Kind      string   `yaml:"kind"`
	Attribute string   `yaml:"attribute"`
	Values    []string `yaml:"values"`
	Each      bool     `yaml:"each"`
	Min       *int     `yaml:"min"`
	Max       *int     `yaml:"max"`
	Priority  int      `yaml:"priority"` // 0: it must hold
	Note      string   `yaml:"note"`
}

// preset turns the file into the domain's types. It returns what the domain's
// own checks cannot see: names that point nowhere inside the file.
func (f *file) preset() (*applications.Preset, []string) {
	var bad []string
	if f.ID == "" || f.Version == "" {
		bad = append(bad, "id and version: both are needed")
	}
	sources := map[string]source{}
	p := &applications.Preset{
		ID: f.ID, Version: f.Version, Title: f.Title, Description: f.Description,
		Program: applications.Program{
			Title: f.Program.Title, Summary: f.Program.Summary, Audience: f.Program.Audience,
			Effort: f.Program.Effort, Selected: f.Program.Selected, Region: f.Program.Region,
			CodePrefix: f.Program.CodePrefix, MinSeats: f.Program.MinSeats, Seats: f.Program.Seats,
			Window: applications.Window{Zone: f.Program.Zone, GraceMinutes: f.Program.GraceMinutes},
		},
		Criteria: map[string]applications.Criteria{},
	}
	for _, s := range f.Sources {
		if s.ID == "" || s.Title == "" || sources[s.ID].ID != "" {
			bad = append(bad, fmt.Sprintf("sources: %q needs an id of its own and a title", s.ID))
		}
		sources[s.ID] = s
		p.Sources = append(p.Sources, s.String())
	}
	lookUp := func(at, id string) string {
		if id == "" {
			return ""
		}
		s, ok := sources[id]
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: there is no source %q", at, id))
		}
		return s.String()
	}
	for _, a := range f.Attributes {
		d := applications.Attribute{
			Key: a.Key, Kind: a.Kind, Sensitivity: a.Sensitivity, Purposes: a.Purposes, Label: a.Label,
			Question: a.Question, Hint: a.Hint, Why: a.Why, Required: a.Required, Decline: a.Decline,
			MaxValues: a.MaxValues, MaxLength: a.MaxLength, DerivedFrom: a.DerivedFrom,
			VisibleWhen: a.VisibleWhen.domain(), Source: lookUp(a.Key, a.Source),
		}
		if a.Qualifier != nil {
			d.Qualifier = &applications.Qualifier{Key: a.Qualifier.Key, Label: a.Qualifier.Label}
			for _, v := range a.Qualifier.Values {
				d.Qualifier.Values = append(d.Qualifier.Values, v.domain(nil))
			}
		}
		for _, v := range a.Values {
			var b *applications.Benchmark
			if v.Benchmark != nil {
				from := lookUp(a.Key+"."+v.Code, v.Benchmark.Source)
				b = &applications.Benchmark{Share: v.Benchmark.Share, Basis: v.Benchmark.Basis, Source: from}
			}
			d.Values = append(d.Values, v.domain(b))
		}
		p.Form.Attributes = append(p.Form.Attributes, d)
	}
	for _, g := range f.Pages {
		p.Form.Pages = append(p.Form.Pages, applications.Page{Key: g.Key, Title: g.Title, Attributes: g.Attributes})
	}
	for _, c := range f.Eligibility {
		p.Form.Eligibility = append(p.Form.Eligibility, *c.domain())
	}
	for _, c := range f.Consents {
		p.Form.Consents = append(p.Form.Consents, applications.ConsentText{Key: c.Key, Text: c.Text, Required: c.Required, Health: c.Health})
	}
	for _, c := range f.Criteria {
		d := applications.Criteria{
			Name: c.Name, Size: f.Program.Seats, MinSize: f.Program.MinSeats, Allow: c.Allow,
		}
		if c.Includes != "" {
			base, ok := p.Criteria[c.Includes]
			if !ok {
				bad = append(bad, fmt.Sprintf("criteria %s: there is no set %q above it", c.Name, c.Includes))
			}
			d.Rules = slices.Clone(base.Rules)
		}
		for _, r := range c.Rules {
			d.Rules = append(d.Rules, applications.CriteriaRule{
				Kind: r.Kind, Attribute: r.Attribute, Values: r.Values, Each: r.Each,
				Min: r.Min, Max: r.Max, Priority: r.Priority, Note: r.Note,
			})
		}
		if _, twice := p.Criteria[c.Name]; twice || c.Name == "" {
			bad = append(bad, fmt.Sprintf("criteria %q: a name of its own is needed", c.Name))
		}
		p.Criteria[c.Name] = d
		p.CriteriaName = append(p.CriteriaName, c.Name)
	}
	return p, bad
}

func (v *value) domain(b *applications.Benchmark) applications.Value {
	d := applications.Value{
		Code: v.Code, Label: v.Label, Exclusive: v.Exclusive, WriteIn: v.WriteIn, Health: v.Health,
		Uncounted: v.Uncounted, VisibleWhen: v.VisibleWhen.domain(), Benchmark: b,
	}
	if v.Rollup != nil {
		d.Rollup = &applications.Rollup{Any: v.Rollup.Any, Only: v.Rollup.Only, AtLeast: v.Rollup.AtLeast}
	}
	return d
}
