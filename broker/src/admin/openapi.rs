//! The OpenAPI 3.1 document, made from the table of routes and the types that they answer.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answer::Problem;
use super::routes::Route;

/// The document that describes `routes`.
pub fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.for_serialize().into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths = Map::new();
    for route in routes {
        let content = match route.schema {
            Some(schema) => json!({ "application/json": { "schema": schema(&mut generator) } }),
            None => json!({ "text/plain": { "schema": { "type": "string" } } }),
        };
        let get = json!({
            "summary": route.summary,
            "operationId": operation_id(route.path),
            "parameters": parameters(route),
            "responses": {
                "200": { "description": "What was asked for.", "content": content },
                "default": {
                    "description": "Why there is no answer.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
        });
        paths.insert(route.path.to_owned(), json!({ "get": get }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Naru",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a Naru broker tells those who run it. Everything is read only.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

/// `/api/v1/topics/{topic}/configs` is `topics_configs`; what ends in a name is `..._show`.
fn operation_id(path: &str) -> String {
    let path = path.trim_start_matches("/api/v1").trim_start_matches('/');
    let words = path.split('/').filter(|word| !word.starts_with('{'));
    let id = words.collect::<Vec<_>>().join("_").replace('.', "_");
    if path.ends_with('}') {
        id + "_show"
    } else {
        id
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/');
    let names = names.filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        })
    });
    let in_query = route.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "description": parameter.doc,
            "schema": { "type": parameter.kind },
        })
    });
    in_path.chain(in_query).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::admin::routes::table;

    /// All `$ref`s of a document.
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_tells_of_every_route_and_of_nothing_else() {
        let routes = table();
        let document = document(&routes);
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), routes.len(), "each path once");
        let mut ids = BTreeSet::new();
        for route in &routes {
            let get = &paths[route.path]["get"];
            assert!(!route.summary.is_empty() && get["summary"] == route.summary);
            let id = get["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            let named = get["parameters"].as_array().unwrap();
            let in_path = named.iter().filter(|parameter| parameter["in"] == "path");
            assert_eq!(in_path.count(), route.path.matches('{').count());
        }
    }

    /// `Paged2` would be another type whenever a route is added.
    #[test]
    fn schemas_have_names_that_stay() {
        let document = document(&table());
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert!(
            schemas.contains_key("PageOfTopicInfo"),
            "{:?}",
            schemas.keys()
        );
        let numbered = schemas
            .keys()
            .find(|name| name.ends_with(|c: char| c.is_ascii_digit()));
        assert_eq!(numbered, None);
    }

    #[test]
    fn every_reference_of_the_document_leads_to_a_schema() {
        let document = document(&table());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 10, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
