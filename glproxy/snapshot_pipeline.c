/*
 * What a context uses programs by: pipelines of separable programs (OpenGL 4.6, 7.4), the current
 * program, and the subroutines chosen for each stage (7.10).
 */
#include "glproxy/snapshot_stream.h"

static const struct {
	GLenum stage;
	GLbitfield bit;
} stages[] = {{GL_VERTEX_SHADER, GL_VERTEX_SHADER_BIT},
	{GL_TESS_CONTROL_SHADER, GL_TESS_CONTROL_SHADER_BIT},
	{GL_TESS_EVALUATION_SHADER, GL_TESS_EVALUATION_SHADER_BIT},
	{GL_GEOMETRY_SHADER, GL_GEOMETRY_SHADER_BIT}, {GL_FRAGMENT_SHADER, GL_FRAGMENT_SHADER_BIT},
	{GL_COMPUTE_SHADER, GL_COMPUTE_SHADER_BIT}};

static GLuint pipeline_value(struct take *t, GLuint driver, GLenum pname)
{
	GLint value = 0;
	t->gl->GetProgramPipelineiv(driver, pname, &value);
	return take_failed(t) ? 0 : (GLuint)value;
}

static bool is_separable(struct take *t, GLuint program)
{
	GLint separable = 0, linked = 0;
	t->gl->GetProgramiv(program, GL_PROGRAM_SEPARABLE, &separable);
	t->gl->GetProgramiv(program, GL_LINK_STATUS, &linked);
	return !take_failed(t) && separable && linked;
}

static void put_pipeline(struct take *t, GLuint name, GLuint driver)
{
	for (size_t i = 0; i < array_len(stages); i++) {
		const GLuint program = pipeline_value(t, driver, stages[i].stage);
		if (program && !is_separable(t, program))
			take_refuse(t, "a pipeline uses a program that was linked otherwise since");
		if (program)
			PUT(&t->out, glUseProgramStages, .pipeline = name, .stages = stages[i].bit,
				.program = take_name(
					t, NAMES_program, program, "program", "a pipeline"));
	}
	const GLuint active = pipeline_value(t, driver, GL_ACTIVE_PROGRAM);
	if (active)
		PUT(&t->out, glActiveShaderProgram, .pipeline = name,
			.program = take_name(t, NAMES_program, active, "program", "a pipeline"));
	if (pipeline_value(t, driver, GL_VALIDATE_STATUS))
		PUT(&t->out, glValidateProgramPipeline, .pipeline = name);
}

void take_pipelines(struct take *t)
{
	struct names *names = t->names[NAMES_program_pipeline];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsProgramPipeline(driver);
		if (!made && names_foreign(driver))
			continue;
		PUT(&t->out, glGenProgramPipelines, .n = 1,
			.pipelines = stream_data(&t->out, &name, sizeof(name)));
		if (!made)
			continue;
		PUT(&t->out, glBindProgramPipeline, .pipeline = name);
		put_pipeline(t, name, driver);
		take_label(t, GL_PROGRAM_PIPELINE, name, driver);
	}
}

/* ---- what is current ---- */

#define SUBROUTINES 1024

static void put_subroutines(struct take *t, GLuint program, GLenum stage)
{
	GLuint chosen[SUBROUTINES];
	GLint count = 0;
	t->gl->GetProgramStageiv(program, stage, GL_ACTIVE_SUBROUTINE_UNIFORM_LOCATIONS, &count);
	if (take_failed(t) || count < 1 || count > SUBROUTINES)
		return;
	for (GLint i = 0; i < count; i++)
		t->gl->GetUniformSubroutineuiv(stage, i, &chosen[i]);
	if (!take_failed(t))
		PUT(&t->out, glUniformSubroutinesuiv, .shadertype = stage, .count = count,
			.indices = stream_data(&t->out, chosen, (size_t)count * sizeof(*chosen)));
}

void take_current_programs(struct take *t)
{
	const GLuint pipeline = (GLuint)take_integer(t, GL_PROGRAM_PIPELINE_BINDING);
	const GLuint program = (GLuint)take_integer(t, GL_CURRENT_PROGRAM);
	if (names_next(t->names[NAMES_program_pipeline], 0))
		PUT(&t->out, glBindProgramPipeline,
			.pipeline = take_name(
				t, NAMES_program_pipeline, pipeline, "pipeline", "the context"));
	PUT(&t->out, glUseProgram,
		.program = take_name(t, NAMES_program, program, "program", "the context"));
	for (size_t i = 0; i < array_len(stages); i++) {
		const GLuint used =
			program ? program : pipeline_value(t, pipeline, stages[i].stage);
		if (used)
			put_subroutines(t, used, stages[i].stage);
	}
}
