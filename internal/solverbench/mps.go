package solverbench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// WriteMPS writes a problem in fixed MPS form, whose fields start in columns 2,
// 5, 15 and 25 (CBC misreads some files of the free form): a minimization, all
// variables integer with finite bounds, all rows ranges with finite sides.
func WriteMPS(w io.Writer, name string, p *ilp.Problem) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "NAME          %s\nROWS\n N  obj\n", name)
	for i, row := range p.Rows {
		kind := "L"
		if row.Lo == row.Hi {
			kind = "E"
		}
		fmt.Fprintf(out, " %s  r%d\n", kind, i)
	}
	type entry struct {
		row   int
		value int64
	}
	columns := make([][]entry, len(p.Cost))
	for i, row := range p.Rows {
		if row.Lo == math.MinInt64 || row.Hi == math.MaxInt64 {
			return fmt.Errorf("row %d has an infinite side", i)
		}
		for k, j := range row.Index {
			columns[j] = append(columns[j], entry{i, row.Value[k]})
		}
	}
	fmt.Fprintf(out, "COLUMNS\n    MARKER                 'MARKER'                 'INTORG'\n")
	for j, column := range columns {
		fmt.Fprintf(out, "    x%-9dobj       %12d\n", j, p.Cost[j])
		for _, e := range column {
			fmt.Fprintf(out, "    x%-9dr%-9d%12d\n", j, e.row, e.value)
		}
	}
	fmt.Fprintf(out, "    MARKER                 'MARKER'                 'INTEND'\nRHS\n")
	for i, row := range p.Rows {
		fmt.Fprintf(out, "    RHS       r%-9d%12d\n", i, row.Hi)
	}
	fmt.Fprintf(out, "RANGES\n")
	for i, row := range p.Rows {
		if row.Lo < row.Hi {
			fmt.Fprintf(out, "    RNG       r%-9d%12d\n", i, row.Hi-row.Lo)
		}
	}
	fmt.Fprintf(out, "BOUNDS\n")
	for j := range p.Cost {
		if p.Lower[j] != 0 {
			fmt.Fprintf(out, " LO BND       x%-9d%12d\n", j, p.Lower[j])
		}
		fmt.Fprintf(out, " UP BND       x%-9d%12d\n", j, p.Upper[j])
	}
	fmt.Fprintf(out, "ENDATA\n")
	return out.Flush()
}

// ReadMPS reads what WriteMPS writes.
func ReadMPS(r io.Reader) (*ilp.Problem, error) {
	p := &ilp.Problem{}
	section := ""
	scan := bufio.NewScanner(r)
	line := 0
	row := func(name string) (*ilp.Row, error) {
		i, err := strconv.Atoi(strings.TrimPrefix(name, "r"))
		if err != nil || i < 0 || i >= len(p.Rows) {
			return nil, fmt.Errorf("line %d: no row %q", line, name)
		}
		return &p.Rows[i], nil
	}
	for scan.Scan() {
		line++
		text := scan.Text()
		field := strings.Fields(text)
		if len(field) == 0 {
			continue
		}
		if text[0] != ' ' {
			section = field[0]
			continue
		}
		if section == "ROWS" {
			if field[0] != "N" {
				p.Rows = append(p.Rows, ilp.Row{})
			}
			continue
		}
		if field[0] == "MARKER" {
			continue
		}
		last := len(field) - 1
		v, err := strconv.ParseInt(field[last], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not an integer", line, field[last])
		}
		switch section {
		case "COLUMNS":
			if field[1] == "obj" {
				p.Cost = append(p.Cost, v)
				p.Lower = append(p.Lower, 0)
				p.Upper = append(p.Upper, 0)
				continue
			}
			r, err := row(field[1])
			if err != nil {
				return nil, err
			}
			r.Index = append(r.Index, int32(len(p.Cost)-1))
			r.Value = append(r.Value, v)
		case "RHS":
			r, err := row(field[1])
			if err != nil {
				return nil, err
			}
			r.Lo, r.Hi = v, v
		case "RANGES":
			r, err := row(field[1])
			if err != nil {
				return nil, err
			}
			r.Lo = r.Hi - v
		case "BOUNDS":
			j, err := strconv.Atoi(strings.TrimPrefix(field[2], "x"))
			if err != nil || j < 0 || j >= len(p.Cost) {
				return nil, fmt.Errorf("line %d: no column %q", line, field[2])
			}
			if field[0] == "LO" {
				p.Lower[j] = v
			} else {
				p.Upper[j] = v
			}
		default:
			return nil, fmt.Errorf("line %d: section %q is not known", line, section)
		}
	}
	return p, scan.Err()
}
