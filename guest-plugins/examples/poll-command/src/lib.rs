//! An ad-hoc command (XEP-0050) that asks a question: people choose an answer, confirm it, and see how many chose what. An
//! account votes once. With `admins_only` only administrators of the domain may use it.
use waxwing_plugin::commands::{
    COMMANDS, Caller, Command, CommandStep, Commands, Done, Input, Note, Page,
};
use waxwing_plugin::forms::{Field, Form, Table};
use waxwing_plugin::prelude::*;

struct Polls {
    commands: Commands,
}

struct Poll {
    admins_only: bool,
    question: String,
    answers: Vec<String>,
}

/// The page that is on.
#[derive(Payload)]
#[payload(ns = "urn:waxwing:poll-command")]
enum Step {
    #[payload(name = "choose")]
    Choose,
    #[payload(name = "confirm")]
    Confirm {
        #[payload(attr)]
        answer: String,
    },
}

impl Plugin for Polls {
    fn manifest() -> Manifest {
        Manifest::new(
            "poll-command",
            env!("CARGO_PKG_VERSION"),
            "asks people a question",
        )
        .xep(50, "1.3.0")
        .feature(COMMANDS)
        .setting(Setting::text("question", "what to ask").default("'Tea or coffee?'"))
        .setting(Setting::texts("answers", "what to choose from").default("['Tea', 'Coffee']"))
        .setting(
            Setting::boolean("admins_only", "whether only administrators may vote")
                .default("false"),
        )
        .command("poll", "Answer a question")
    }

    fn init(_: Scope) -> Result<Self, String> {
        let answers = config::texts("answers").unwrap_or_default();
        if answers.len() < 2 {
            return Err("answers has less than two; give at least two to choose from".to_owned());
        }
        let question = config::text("question").unwrap_or_default();
        Ok(Self {
            commands: Commands::new().with(Poll {
                admins_only: config::boolean("admins_only").unwrap_or(false),
                question,
                answers,
            }),
        })
    }
}

impl IqHandler for Polls {
    fn handle(&self, request: &Stanza) -> Answer {
        self.commands.handle(request)
    }
}

impl Command for Poll {
    type State = Step;

    fn node(&self) -> &'static str {
        "poll"
    }

    fn label(&self) -> &'static str {
        "Answer a question"
    }

    fn permits(&self, caller: &Caller) -> bool {
        !self.admins_only || caller.is_admin()
    }

    fn start(&self, caller: &Caller) -> Result<CommandStep<Step>, StanzaError> {
        if memory::get(&voted(caller)).is_some() {
            return Ok(CommandStep::Done(self.results("You have voted.")));
        }
        Ok(CommandStep::Ask(Step::Choose))
    }

    fn show(&self, step: &Step, _: &Caller) -> Page {
        match step {
            Step::Choose => {
                let choices = Field::list("answer", &self.question).required();
                let choices = self
                    .answers
                    .iter()
                    .fold(choices, |list, answer| list.option(answer, ""));
                Page::next(Form::untyped().title(&self.question).field(choices))
            }
            Step::Confirm { answer } => {
                Page::last(Form::untyped().title(&format!("Vote for {answer}?")))
            }
        }
    }

    fn submit(
        &self,
        step: Step,
        input: &Input,
        caller: &Caller,
    ) -> Result<CommandStep<Step>, StanzaError> {
        match step {
            Step::Choose => Ok(CommandStep::Ask(Step::Confirm {
                answer: input.text("answer").to_owned(),
            })),
            Step::Confirm { answer } => self.vote(&answer, caller),
        }
    }
}

impl Poll {
    fn vote(&self, answer: &str, caller: &Caller) -> Result<CommandStep<Step>, StanzaError> {
        let full = |_| StanzaError::new(ErrorCondition::ResourceConstraint);
        // Another resource of the account may have got here first.
        if memory::add(&voted(caller), 1, None).map_err(full)? > 1 {
            return Ok(CommandStep::Done(self.results("You have voted.")));
        }
        memory::add(&count(answer), 1, None).map_err(full)?;
        Ok(CommandStep::Done(self.results("Thank you.")))
    }

    fn results(&self, word: &str) -> Done {
        let counted = |answer: &str| {
            let digits = memory::get(&count(answer)).unwrap_or_else(|| b"0".to_vec());
            String::from_utf8(digits).unwrap_or_default()
        };
        let table = Table::new(&[("answer", &self.question), ("votes", "Votes")]);
        let table = self.answers.iter().fold(table, |table, answer| {
            table.row(&[answer, &counted(answer)])
        });
        Done::new().form(&table.into_form()).note(Note::info(word))
    }
}

fn voted(caller: &Caller) -> String {
    format!("voted/{}", caller.account())
}

fn count(answer: &str) -> String {
    format!("count/{answer}")
}

waxwing_plugin::plugin!(Polls: IqHandler);

#[cfg(test)]
mod tests;
