package strictjson

// Int64 reads an integer that may be secret: it is in no error.
func (o *Object) Int64(name string, dst *int64) bool {
	return value(o, name, "an integer from -9223372036854775808 to 9223372036854775807", dst)
}

// Int64s reads a list of integers that may be secret: they are in no error.
func (o *Object) Int64s(name string, dst *[]int64) bool {
	return value(o, name, "a list of integers from -9223372036854775808 to 9223372036854775807", dst)
}
