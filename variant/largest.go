package variant

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// CheckLargest returns an *Error at the first whole number of a configuration that is above its `max` tag. config
// points to a struct. CheckLargest looks into the structs within it and into the parameters of its slots, and at every
// element of a list. After this check, two sizes can be multiplied without overflow.
func CheckLargest(config any) error { return checkLargest(reflect.ValueOf(config).Elem(), "") }

func checkLargest(v reflect.Value, within string) error {
	for _, k := range Keys(v.Type()) {
		name, field := k.Name, v.FieldByIndex(k.Index)
		if within != "" {
			name = within + "." + name
		}
		if err := atMost(field, k.Max, name); err != nil {
			return err
		}
	}
	if slot, ok := v.Addr().Interface().(Chooser); ok {
		if params := reflect.ValueOf(slot.Params()); params.Kind() == reflect.Pointer {
			return checkLargest(params.Elem(), within)
		}
	}
	return nil
}

func atMost(v reflect.Value, most int64, key string) error {
	switch v.Kind() {
	case reflect.Struct:
		return checkLargest(v, key)
	case reflect.Slice:
		for i := range v.Len() {
			if err := atMost(v.Index(i), most, key); err != nil {
				return err
			}
		}
	case reflect.Int:
		if most > 0 && v.Int() > most {
			return Errorf(key, "must be at most %d, is %d", most, v.Int())
		}
	}
	return nil
}

// largest returns the number in a field's tag `max:"2^N"`, or 0 if the field has no such tag.
func largest(f reflect.StructField) int64 {
	text, ok := f.Tag.Lookup("max")
	if !ok {
		return 0
	}
	power, _ := strings.CutPrefix(text, "2^")
	n, err := strconv.ParseUint(power, 10, 6)
	if err != nil || n > 62 {
		panic(fmt.Sprintf("variant: field %s: max %q is not of the form 2^N, N at most 62", f.Name, text))
	}
	return 1 << n
}
