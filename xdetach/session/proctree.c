#define _GNU_SOURCE
#include "xdetach/session/proctree.h"

#include "base/io.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

struct task {
	pid_t pid, parent;
	char state;
	unsigned long long ticks; /* user and system */
};

static int read_proc(pid_t pid, const char *file, struct buf *text)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return io_read_file(AT_FDCWD, path, text, 1 << 20, NULL);
}

/* proc(5), stat: the name in parentheses may hold anything, so what follows its last ')' counts. */
static int read_task(pid_t pid, struct task *task)
{
	scoped_buf struct buf text = BUF_INIT;
	if (read_proc(pid, "stat", &text) < 0 || !text.data)
		return -1;
	const char *rest = strrchr(text.data, ')');
	unsigned long long user = 0, system = 0;
	*task = (struct task){.pid = pid};
	if (!rest ||
		sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			&task->state, &task->parent, &user, &system) != 4)
		return -1;
	task->ticks = user + system;
	return 0;
}

struct tasks {
	struct task *items;
	size_t count, capacity;
};

static int tasks_add(struct tasks *tasks, const struct task *task)
{
	if (tasks->count == tasks->capacity) {
		size_t capacity = tasks->capacity ? tasks->capacity * 2 : 64;
		struct task *items = realloc(tasks->items, capacity * sizeof(*items));
		if (!items)
			return -1;
		tasks->items = items;
		tasks->capacity = capacity;
	}
	tasks->items[tasks->count++] = *task;
	return 0;
}

static int tasks_read(struct tasks *tasks, struct err *err)
{
	scoped_dir DIR *dir = opendir("/proc");
	if (!dir)
		return err_errno(err, "/proc");
	for (struct dirent *entry; (entry = readdir(dir));) {
		struct task task;
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			read_task(atoi(entry->d_name), &task) < 0)
			continue;
		if (tasks_add(tasks, &task) < 0)
			return err_set(err, "out of memory");
	}
	return 0;
}

static bool has(const struct proctree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->pids[i] == pid)
			return true;
	return false;
}

/* Adds the children of those already in the tree; true while there were any. */
static bool grow(struct proctree *tree, const struct tasks *tasks)
{
	size_t before = tree->count;
	for (size_t i = 0; i < tasks->count; i++) {
		const struct task *task = &tasks->items[i];
		if (task->state != 'Z' && has(tree, task->parent) && !has(tree, task->pid))
			tree->pids[tree->count++] = task->pid;
	}
	return tree->count > before;
}

int proctree_read(struct proctree *tree, pid_t root, struct err *err)
{
	struct tasks tasks = {0};
	*tree = (struct proctree){0};
	int result = tasks_read(&tasks, err);
	if (result == 0) {
		tree->pids = calloc(tasks.count + 1, sizeof(*tree->pids));
		for (size_t i = 0; tree->pids && i < tasks.count; i++)
			if (tasks.items[i].pid == root)
				tree->pids[tree->count++] = root;
		while (tree->count && grow(tree, &tasks))
			;
	}
	free(tasks.items);
	if (result == 0 && !tree->pids)
		return err_set(err, "out of memory");
	return result;
}

void proctree_finish(struct proctree *tree)
{
	free(tree->pids);
	*tree = (struct proctree){0};
}

void proctree_signal(const struct proctree *tree, int number)
{
	for (size_t i = tree->count; i-- > 0;)
		kill(tree->pids[i], number);
}

/* A line "Name:   123 kB" of a /proc file, in bytes. */
static uint64_t kilobytes(const char *text, const char *name)
{
	const char *line = text ? strstr(text, name) : NULL;
	return line ? strtoull(line + strlen(name), NULL, 10) << 10 : 0;
}

static uint64_t task_memory(pid_t pid)
{
	scoped_buf struct buf text = BUF_INIT;
	if (read_proc(pid, "status", &text) < 0)
		return 0;
	return kilobytes(text.data, "RssAnon:") + kilobytes(text.data, "RssShmem:") +
		kilobytes(text.data, "VmSwap:");
}

uint64_t proctree_memory(const struct proctree *tree)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < tree->count; i++)
		sum += task_memory(tree->pids[i]);
	return sum;
}

double proctree_cpu_seconds(const struct proctree *tree)
{
	unsigned long long ticks = 0;
	for (size_t i = 0; i < tree->count; i++) {
		struct task task;
		if (read_task(tree->pids[i], &task) == 0)
			ticks += task.ticks;
	}
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void proctree_name(pid_t pid, char *name, size_t size)
{
	scoped_buf struct buf text = BUF_INIT;
	snprintf(name, size, "?");
	if (read_proc(pid, "comm", &text) == 0 && text.size > 1)
		snprintf(name, size, "%.*s", (int)text.size - 1, text.data);
}

/* The command line with its arguments parted by spaces. */
static json_t *command_of(pid_t pid)
{
	scoped_buf struct buf text = BUF_INIT;
	char name[32];
	if (read_proc(pid, "cmdline", &text) < 0 || !text.size) {
		proctree_name(pid, name, sizeof(name));
		return json_string(name);
	}
	for (size_t i = 0; i + 1 < text.size; i++)
		if (!text.data[i])
			text.data[i] = ' ';
	json_t *command = json_string(text.data);
	return command ? command : json_string("?");
}

json_t *proctree_to_json(const struct proctree *tree)
{
	json_t *list = json_array();
	for (size_t i = 0; i < tree->count; i++) {
		pid_t pid = tree->pids[i];
		json_array_append_new(list,
			json_pack("{s:i, s:o, s:I}", "pid", pid, "command", command_of(pid),
				"memory", (json_int_t)task_memory(pid)));
	}
	return list;
}

void proctree_note_stopped(const struct proctree *tree, struct proctree_stopped *stopped)
{
	*stopped = (struct proctree_stopped){.pids = calloc(tree->count + 1, sizeof(pid_t))};
	for (size_t i = 0; stopped->pids && i < tree->count; i++) {
		struct task task;
		if (read_task(tree->pids[i], &task) == 0 && task.state == 'T')
			stopped->pids[stopped->count++] = tree->pids[i];
	}
}

void proctree_continue(const struct proctree *tree, const struct proctree_stopped *stopped)
{
	struct proctree were = {.pids = stopped->pids, .count = stopped->count};
	for (size_t i = 0; i < tree->count; i++)
		if (!has(&were, tree->pids[i]))
			kill(tree->pids[i], SIGCONT);
}

void proctree_stopped_finish(struct proctree_stopped *stopped)
{
	free(stopped->pids);
	*stopped = (struct proctree_stopped){0};
}
