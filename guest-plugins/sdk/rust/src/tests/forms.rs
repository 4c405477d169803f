//! Data forms: building, reading, and checking submissions.

use waxwing_plugin::forms::{Field, FieldKind, Form, FormError, FormKind, Received, Values};
use waxwing_plugin::{ErrorCondition, Parsed, Payload, StanzaError, harness};

/// XEP-0004, example 2, with the types that it lacks.
fn bot() -> Form {
    Form::new("jabber:bot")
        .title("Bot Configuration")
        .instructions("Fill out this form\nto configure your new bot!")
        .field(Field::fixed("Section 1: Bot Info"))
        .field(Field::text("botname", "The name of your bot"))
        .field(Field::lines(
            "description",
            "Helpful description of your bot",
        ))
        .field(Field::of(FieldKind::Boolean, "public", "Public bot?").required())
        .field(Field::private("password", "Password for special access"))
        .field(
            Field::lists("features", "What features will the bot support?")
                .option("contests", "Contests")
                .option("news", "News")
                .option("search", "Search")
                .with_value("news"),
        )
        .field(
            Field::list("maxsubs", "Maximum number of subscribers")
                .option("10", "10")
                .option("none", "")
                .with_value("10"),
        )
        .field(Field::jids("invitelist", "People to invite").description("Tell all your friends"))
        .field(Field::jid("owner", ""))
        .field(Field::hidden("ticket", "t-1"))
}

fn read(xml: &str) -> Form {
    Form::read(&Parsed::parse(xml).unwrap()).unwrap()
}

fn submitted(fields: &[(&str, &[&str])]) -> Form {
    fields.iter().fold(Form::submit(), |form, (var, values)| {
        let mut field = Field::plain(var, "");
        field.values = values.iter().map(|&value| value.to_owned()).collect();
        form.field(field)
    })
}

fn receive(fields: &[(&str, &[&str])]) -> Result<Values, FormError> {
    match bot().receive(&submitted(fields))? {
        Received::Submitted(values) => Ok(values),
        Received::Cancelled => panic!("not cancelled"),
    }
}

// seeds: P18
/// P18: with the tests around it, all types of fields, what is required, several values, and what was submitted.
#[test]
fn writes_every_type_of_field_and_reads_it_back() {
    let form = bot();
    let written = form.to_element().to_xml();
    assert_eq!(read(&written), form);
    let kinds: Vec<_> = form.fields.iter().map(Field::kind).collect();
    for kind in FieldKind::ALL {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert_eq!(form.form_type(), Some("jabber:bot"));
    assert_eq!(form.instructions.len(), 2);
    let list = Form::untyped().field(
        Field::list("maxsubs", "Most")
            .option("10", "Ten")
            .required(),
    );
    assert_eq!(
        harness::Xml::from(list.to_element().to_xml().as_str()),
        "<x xmlns='jabber:x:data' type='form'><field type='list-single' var='maxsubs' label='Most'>\
         <required/><option label='Ten'><value>10</value></option></field></x>"
    );
}

#[test]
fn reads_what_it_does_not_know_and_keeps_it() {
    let form = read(
        "<x xmlns='jabber:x:data' type='form'><field var='a' type='colour'><value>red</value>\
         <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><basic/></validate></field></x>",
    );
    let field = form.get("a").unwrap();
    assert_eq!(field.kind(), FieldKind::TextSingle);
    let validation = field.validation.as_ref().unwrap();
    assert_eq!(validation.datatype, "xs:string");
    assert_eq!(validation.others.len(), 1);
    assert!(Form::read(&Parsed::parse("<x xmlns='jabber:x:data' type='odd'/>").unwrap()).is_err());
}

#[test]
fn a_table_of_results_has_its_columns_before_its_items() {
    let form = read(
        "<x xmlns='jabber:x:data' type='result'><title>t</title><reported><field var='name'/></reported>\
         <item><field var='name'><value>a</value></field></item><item><field var='name'><value/></field></item></x>",
    );
    assert_eq!(form.kind, FormKind::Result);
    assert_eq!(form.items[0].get("name"), Some("a"));
    assert_eq!(form.items[1].get("name"), Some(""));
    let written = form.to_element().to_xml();
    assert!(written.find("<reported>") < written.find("<item>"));
}

// seeds: P18
#[test]
fn takes_a_whole_submission() {
    let values = receive(&[
        ("FORM_TYPE", &["jabber:bot"]),
        ("botname", &["joogle"]),
        ("description", &["one", "", "three"]),
        ("public", &["0"]),
        ("features", &["news", "search", "news"]),
        ("maxsubs", &["none"]),
        (
            "invitelist",
            &[
                "juliet@capulet.example",
                "Juliet@capulet.example",
                "romeo@montague.example",
            ],
        ),
        ("owner", &[""]),
        ("never-heard-of", &["x"]),
    ]);
    let values = values.unwrap();
    assert_eq!(values.text("botname"), Some("joogle"));
    assert_eq!(values.lines("description").as_deref(), Some("one\n\nthree"));
    assert_eq!(values.boolean("public"), Some(false));
    assert_eq!(values.texts("features").unwrap(), ["news", "search"]);
    assert_eq!(values.texts("invitelist").unwrap().len(), 2);
    assert_eq!(values.text("owner"), Some(""), "emptied");
    assert_eq!(values.text("password"), None, "left out");
    assert_eq!(values.text("ticket"), Some("t-1"), "hidden");
    assert_eq!(values.text("never-heard-of"), None);
}

#[test]
fn booleans_have_four_spellings() {
    for (text, value) in [("1", true), ("true", true), ("0", false), ("false", false)] {
        let values = receive(&[("public", &[text])]).unwrap();
        assert_eq!(values.boolean("public"), Some(value), "{text}");
    }
}

/// Fields of a submission: names and values.
type Fields<'a> = &'a [(&'a str, &'a [&'a str])];

// seeds: P18
#[test]
fn refuses_what_cannot_be() {
    let var = |var: &str| var.to_owned();
    let public: (&str, &[&str]) = ("public", &["1"]);
    let cases: [(Fields<'_>, FormError); 10] = [
        (&[], FormError::Missing(var("public"))),
        (&[("public", &[])], FormError::Missing(var("public"))),
        (
            &[("public", &["maybe"])],
            FormError::NotBoolean(var("public")),
        ),
        (
            &[public, ("maxsubs", &["11"])],
            FormError::NotAnOption(var("maxsubs")),
        ),
        (
            &[public, ("features", &["news", "sport"])],
            FormError::NotAnOption(var("features")),
        ),
        (
            &[public, ("botname", &["a", "b"])],
            FormError::TooMany(var("botname")),
        ),
        (
            &[public, ("owner", &["not a jid"])],
            FormError::NotJid(var("owner")),
        ),
        (
            &[public, ("invitelist", &["a@b", "@"])],
            FormError::NotJid(var("invitelist")),
        ),
        (&[public, public], FormError::Repeated(var("public"))),
        (
            &[public, ("FORM_TYPE", &["jabber:cat"])],
            FormError::OtherForm,
        ),
    ];
    for (fields, error) in cases {
        assert_eq!(receive(fields).unwrap_err(), error, "{fields:?}");
    }
    assert_eq!(bot().receive(&Form::result()), Err(FormError::NotSubmitted));
    assert_eq!(bot().receive(&Form::cancel()), Ok(Received::Cancelled));
}

#[test]
fn errors_become_stanza_errors_that_name_the_field() {
    let error = StanzaError::from(FormError::Missing("public".to_owned()));
    assert_eq!(error.condition, ErrorCondition::NotAcceptable);
    assert_eq!(
        error.text.as_deref(),
        Some("the field `public` must be filled in")
    );
    let error = StanzaError::from(FormError::NotSubmitted);
    assert_eq!(error.condition, ErrorCondition::BadRequest);
}

#[test]
fn whole_numbers_have_a_range() {
    let form = Form::untyped().field(Field::integer("age", "Your age", 13..=120));
    assert!(form.to_element().to_xml().contains(
        "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:integer'>\
             <range min='13' max='120'/></validate>"
    ));
    let receive = |value: &str| form.receive(&submitted(&[("age", &[value])]));
    assert!(
        matches!(receive("13"), Ok(Received::Submitted(values)) if values.parse("age") == Some(13))
    );
    assert!(receive("").is_ok());
    assert_eq!(receive("12"), Err(FormError::OutOfRange("age".to_owned())));
    assert_eq!(receive("old"), Err(FormError::NotInteger("age".to_owned())));
}
