package access

import "sync"

// cached is how many answers a source remembers at least; it keeps up to twice as many.
const cached = 4096

// cache remembers answers in two generations: what has not been asked for while a whole generation came is forgotten.
type cache[K comparable, V any] struct {
	mu       sync.Mutex
	now, old map[K]V
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.now[k]
	if !ok {
		if v, ok = c.old[k]; ok {
			c.put(k, v)
		}
	}
	return v, ok
}

func (c *cache[K, V]) set(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(k, v)
}

// put needs mu.
func (c *cache[K, V]) put(k K, v V) {
	if c.now == nil || len(c.now) >= cached {
		c.now, c.old = make(map[K]V), c.now
	}
	c.now[k] = v
}
