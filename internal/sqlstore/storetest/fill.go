package storetest

import (
	"fmt"
	"reflect"
	"time"
)

// filled returns a value in which every field, slice, map and pointer holds
// something, each something else: what a store forgets then shows.
func filled[V any]() *V {
	v := new(V)
	n := 0
	fill(reflect.ValueOf(v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(start.Add(time.Duration(*n) * time.Second)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("dxʷlilap %d x̌ ƛ̕ ə", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	case reflect.Float64:
		v.SetFloat(float64(*n) / 8)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("storetest: cannot fill a " + v.Kind().String())
	}
}

// storedCopy is a deep copy in which times are cut as a store cuts them.
func storedCopy[V any](v V) V {
	out := reflect.New(reflect.TypeFor[V]()).Elem()
	copyStored(out, reflect.ValueOf(&v).Elem())
	return out.Interface().(V)
}

func copyStored(dst, src reflect.Value) {
	if t, ok := src.Interface().(time.Time); ok {
		dst.Set(reflect.ValueOf(stored(t)))
		return
	}
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			copyStored(dst.Elem(), src.Elem())
		}
	case reflect.Struct:
		for i := range src.NumField() {
			copyStored(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				copyStored(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMap(src.Type()))
			for it := src.MapRange(); it.Next(); {
				value := reflect.New(src.Type().Elem()).Elem()
				copyStored(value, it.Value())
				dst.SetMapIndex(it.Key(), value)
			}
		}
	default:
		dst.Set(src)
	}
}

// eachTime calls fn for each time in a value.
func eachTime(v reflect.Value, fn func(time.Time)) {
	if v.IsValid() && v.CanInterface() {
		if t, ok := v.Interface().(time.Time); ok {
			fn(t)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachTime(v.Elem(), fn)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachTime(v.Field(i), fn)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachTime(v.Index(i), fn)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			eachTime(it.Value(), fn)
		}
	}
}
