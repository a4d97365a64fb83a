//! Whether a JSON value is what a schema of an OpenAPI document says: as much of JSON Schema as the
//! document uses. A field that the schema does not name is an error, too.

use serde_json::Value;

/// Panics, with the place, where `value` is not what `schema` says.
pub fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').unwrap();
        let schema = document.pointer(pointer);
        return check(document, schema.expect(reference), value, at);
    }
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")) {
        let fits = |choice: &&Value| is_shape_of(document, choice, value);
        let choice = choices.as_array().unwrap().iter().find(fits);
        let choice = choice.unwrap_or_else(|| panic!("{at}: {value} is none of {choices}"));
        return check(document, choice, value, at);
    }
    assert!(
        is_shape_of(document, schema, value),
        "{at}: {value} is not {schema}"
    );
    match value {
        Value::Object(fields) if schema.get("properties").is_some() => {
            for name in schema["required"].as_array().unwrap() {
                let name = name.as_str().unwrap();
                assert!(fields.contains_key(name), "{at}: no {name} in {value}");
            }
            for (name, value) in fields {
                let schema = schema["properties"].get(name);
                let schema = schema.unwrap_or_else(|| panic!("{at}: {name} is not in the schema"));
                check(document, schema, value, &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                check(document, &schema["items"], item, &format!("{at}[{number}]"));
            }
        }
        _ => {}
    }
}

/// Whether the type, or the constant, is right.
fn is_shape_of(document: &Value, schema: &Value, value: &Value) -> bool {
    if schema == &Value::Bool(true) {
        return true;
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').unwrap();
        let schema = document.pointer(pointer).expect(reference);
        return is_shape_of(document, schema, value);
    }
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")) {
        let mut choices = choices.as_array().unwrap().iter();
        return choices.any(|choice| is_shape_of(document, choice, value));
    }
    if let Some(constant) = schema.get("const") {
        return constant == value;
    }
    if let Some(choices) = schema.get("enum") {
        return choices.as_array().unwrap().contains(value);
    }
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => panic!("the schema says {name}"),
    };
    match schema.get("type") {
        // Anything.
        None => true,
        Some(Value::Array(names)) => names.iter().any(is),
        Some(name) => is(name),
    }
}
